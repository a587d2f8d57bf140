"""Comments that silence a rule where it is meant: `# vc5c: ignore[rule-id, …]`.

At the end of a line it is for that line; on a line of its own, for the next that has anything else on it.
A `#` inside a scalar is no comment, so the scalars are looked up where such text is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from vc5c.catalogue import RULES
from vc5c.problems import Place, Problem, Problems, did_you_mean
from vc5c.source import Source

COMMENT = re.compile(r"(?<!\S)#\s*vc5c:\s*ignore\b(?:\[([^\]\n]*)\])?")
WORD = re.compile(r"[^\s,]+")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Ignore:
    """One rule of one comment. line: which it is for. place: of the rule's id in the comment."""

    rule: str
    line: int
    place: Place
    used: bool = False


@dataclass
class Ignores:
    """All of a configuration and the files that it includes."""

    found: list[Ignore] = field(default_factory=list)
    _by_place: dict[tuple[str, int, str], Ignore] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, problems: Problems) -> Ignores:
        """Reports comments that cannot be meant."""
        ignores = cls()
        for each in (source, *source.included.values()):
            for ignore in _ignores(each, problems):
                ignores.found.append(ignore)
                ignores._by_place.setdefault((ignore.place.file, ignore.line, ignore.rule), ignore)
        return ignores

    def silences(self, problem: Problem) -> bool:
        ignore = self._by_place.get((problem.place.file, problem.place.line, problem.rule))
        if ignore is not None:
            ignore.used = True
        return ignore is not None

    def report_unused(self, problems: Problems) -> None:
        """To be called when every rule has had its say."""
        for ignore in self.found:
            if not ignore.used:
                message = f"nothing on line {ignore.line} breaks `{ignore.rule}`"
                problems.warning("unused-ignore", message, ignore.place, hint="remove it")


def _ignores(source: Source, problems: Problems) -> Iterator[Ignore]:
    if "vc5c:" not in source.text:
        return
    scalars = list(_scalars(source))
    for number, line in enumerate(source.lines, 1):
        for match in COMMENT.finditer(line):
            here = (number, match.start() + 1)
            if any(start <= here < end for start, end in scalars):
                continue
            target = number if line[: match.start()].strip() else _next_line(source, number)
            yield from _of_comment(source, number, match, target, problems)


def _of_comment(
    source: Source, number: int, match: re.Match[str], target: int, problems: Problems
) -> Iterator[Ignore]:
    words = list(WORD.finditer(match[1] or ""))
    if not words:
        place = Place(number, match.start() + 1, len(match[0]), source.file)
        hint = "such as # vc5c: ignore[unchecked]"
        problems.warning("bad-ignore", "which rules are to be ignored?", place, hint=hint)
    for word in words:
        place = Place(number, match.start(1) + word.start() + 1, len(word[0]), source.file)
        rule = RULES.get(word[0])
        if rule is None:
            near = did_you_mean(word[0], RULES)
            problems.warning("bad-ignore", f"no rule is called `{word[0]}`{near}", place)
        elif not rule.silenceable:
            message = f"`{rule.id}` cannot be ignored: it leaves no document to be applied"
            problems.warning("bad-ignore", message, place)
        else:
            yield Ignore(rule.id, target, place)


def _next_line(source: Source, number: int) -> int:
    """The next line that has more than a comment on it."""
    for following, line in enumerate(source.lines[number:], number + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return following
    return number


def _scalars(source: Source) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end of every scalar, as (line, column) from 1. The text is known to be sound."""
    events: Iterator[Any] = yaml.parse(source.text, Loader=_LOADER)
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            start: Any = event.start_mark
            end: Any = event.end_mark
            yield (start.line + 1, start.column + 1), (end.line + 1, end.column + 1)
