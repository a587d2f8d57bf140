"""What PyYAML complains of, as problems with a place."""

from __future__ import annotations

from typing import Any

import yaml

from vc5c.problems import Note, Place, Problems
from vc5c.source import Source


def report_yaml_error(error: yaml.YAMLError, source: Source, problems: Problems) -> None:
    """One problem for one error: YAML's parser stops at its first."""
    place = _place(error, source)
    reason = _words(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    line = source.lines[place.line - 1] if place.line <= len(source.lines) else ""
    if line[place.column - 1 : place.column] == "\t" or "'\\t'" in reason:
        message = "a tab: YAML is indented with spaces"
        problems.error("yaml-tab", message, place, hint="replace the tab by spaces")
    else:
        problems.error("yaml-syntax", f"broken YAML: {reason}", place, *_context(error, source))


def _place(error: yaml.YAMLError, source: Source) -> Place:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return Place(mark.line + 1, mark.column + 1, file=source.file)
    # A character that YAML forbids: the reader knows only its offset, libyaml's in bytes.
    offset = getattr(error, "position", 0)
    before = source.text.encode()[: offset if isinstance(offset, int) else 0].decode(errors="ignore")
    return Place(*source.place_of(len(before)), file=source.file)


def _context(error: yaml.YAMLError, source: Source) -> list[Note]:
    context, mark = getattr(error, "context", None), getattr(error, "context_mark", None)
    if not context or not mark:
        return []
    return [(_words(context), Place(mark.line + 1, mark.column + 1, file=source.file))]


def _words(text: Any) -> str:
    return " ".join(str(text).split())
