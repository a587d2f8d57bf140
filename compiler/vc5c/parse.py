"""YAML text to a located tree.

PyYAML composes (libyaml where it was built in), so that every value keeps its line and column and its own
text; what words mean is scalars.py's. Rejected here: broken YAML, duplicate keys, keys that are not words,
tags, aliases that contain themselves or multiply without end.
"""

from __future__ import annotations

from typing import Any

import yaml

from vc5c import scalars
from vc5c.problems import Place, Problems, Rejected
from vc5c.source import Source
from vc5c.tree import Entry, Mapping, Node, Scalar, Sequence

MAX_DEPTH = 40
MAX_NODES = 5_000_000

PLAIN_TAG, TEXT_TAG, COLLECTION_TAG = "plain", "text", "collection"

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    def resolve(self, kind: type, _value: Any, implicit: Any) -> str:
        """Leave out YAML's own guesses; a tag that the user wrote never comes here, and so stands out."""
        if kind is yaml.ScalarNode:
            return PLAIN_TAG if implicit[0] else TEXT_TAG
        return COLLECTION_TAG


def parse(source: Source, problems: Problems) -> Mapping:
    """The located tree of a whole file, which must be one mapping. Raises Rejected."""
    try:
        root = yaml.compose(source.text, Loader=_Loader)
    except yaml.YAMLError as error:
        _report_yaml_error(error, source, problems)
        raise Rejected(problems.found) from error
    except RecursionError as error:
        problems.error("yaml-depth", "the YAML is nested too deeply", Place(1, 1))
        raise Rejected(problems.found) from error
    if root is None:
        problems.error("empty", "the file is empty: a configuration has at least `services`", Place(1, 1))
        raise Rejected(problems.found)
    tree = _Converter(source, problems).convert(root, 0)
    if not isinstance(tree, Mapping):
        problems.error(
            "not-a-mapping", "a configuration is a mapping with keys such as `services`", tree.place
        )
    problems.stop_on_errors()
    assert isinstance(tree, Mapping)
    return tree


class _Converter:
    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.nodes = 0

    def convert(self, node: Any, depth: int) -> Node:
        self.nodes += 1
        place = self._place(node)
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            what = "nested too deeply" if depth > MAX_DEPTH else "too large once its aliases are expanded"
            self.problems.error("yaml-depth", f"the YAML is {what}", place)
            raise Rejected(self.problems.found)
        if node.tag not in (PLAIN_TAG, TEXT_TAG, COLLECTION_TAG):
            self.problems.error("yaml-tag", f"tags such as `{node.tag}` are not used here", place)
        if isinstance(node, yaml.ScalarNode):
            if node.tag == PLAIN_TAG:
                return Scalar(scalars.value_of(node.value), node.value, False, place)
            return Scalar(node.value, node.value, True, place)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.convert(item, depth + 1) for item in node.value), place)
        return self._mapping(node, place, depth)

    def _mapping(self, node: Any, place: Place, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.error(
                    "yaml-key", "a key must be a word, not a list or mapping", self._place(key_node)
                )
                continue
            key = Scalar(key_node.value, key_node.value, key_node.tag == TEXT_TAG, self._place(key_node))
            value = self.convert(value_node, depth + 1)
            if key.text == "<<" and not key.quoted:
                merged += self._merge(value)
            elif key.text in entries:
                first = entries[key.text].key.place
                self.problems.error(
                    "duplicate-key",
                    f"the key `{key.text}` is given twice",
                    key.place,
                    ("first given here", first),
                )
            else:
                entries[key.text] = Entry(key, value)
        for entry in merged:
            entries.setdefault(entry.key.text, entry)
        return Mapping(entries, place)

    def _merge(self, value: Node) -> list[Entry]:
        """The entries that `<<: *anchor` brings; earlier mappings of a list win."""
        if isinstance(value, Mapping):
            return list(value.entries.values())
        if isinstance(value, Sequence):
            return [entry for item in value.items for entry in self._merge(item)]
        self.problems.error("yaml-merge", "`<<` takes a mapping or a list of mappings", value.place)
        return []

    def _place(self, node: Any) -> Place:
        start, end = node.start_mark, node.end_mark
        if end.line == start.line:
            return Place(start.line + 1, start.column + 1, max(1, end.column - start.column))
        text = self.source.lines[start.line] if start.line < len(self.source.lines) else ""
        return Place(start.line + 1, start.column + 1, max(1, len(text.rstrip()) - start.column))


def _report_yaml_error(error: yaml.YAMLError, source: Source, problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split())
    if mark is None:  # a character that YAML forbids: the reader knows only its offset in bytes
        position = getattr(error, "position", 0)
        offset = position if isinstance(position, int) else 0
        text = source.text.encode()[:offset].decode(errors="ignore")
        line, column = source.place_of(len(text))
    else:
        line, column = mark.line + 1, mark.column + 1
    here = source.lines[line - 1][column - 1 : column] if line <= len(source.lines) else ""
    context_mark = getattr(error, "context_mark", None)
    context = " ".join(str(getattr(error, "context", None) or "").split())
    notes = (
        [(context, Place(context_mark.line + 1, context_mark.column + 1))] if context and context_mark else []
    )
    if here == "\t" or "'\\t'" in reason:
        message = "a tab: YAML is indented with spaces"
        problems.error("yaml-tab", message, Place(line, column), hint="replace the tab by spaces")
    else:
        problems.error("yaml-syntax", f"broken YAML: {reason}", Place(line, column), *notes)
