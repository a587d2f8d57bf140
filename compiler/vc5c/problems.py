"""What is wrong with a configuration, and how a person reads it.

Every stage collects all that it finds and then stops the compiler by raising Rejected; warnings travel
along and stop nothing. Format, after the linters that people praise:

    FILE:LINE:COLUMN: error: MESSAGE [rule-id]
       12 |     virtaul: 192.168.101.1
          |     ^^^^^^^
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from vc5c.source import Source

RED, YELLOW, CYAN, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[1m", "\x1b[0m"
COLOURS = {"error": RED, "warning": YELLOW, "note": CYAN}


class Place(NamedTuple):
    """Where in the text: line and column count from 1; length in characters, at least 1.

    file: '' for the configuration that was given, else the name of the file that it includes (Source.of).
    """

    line: int
    column: int
    length: int = 1
    file: str = ""

    @property
    def order(self) -> tuple[str, int, int, int]:
        """The order in which places are shown: the given file first, then by file and line."""
        return self.file, self.line, self.column, self.length


Note = tuple[str, Place]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `notes` point at the other places concerned; `hint` says what to do."""

    rule: str
    message: str
    place: Place
    severity: str = "error"
    notes: tuple[Note, ...] = ()
    hint: str = ""


class Rejected(Exception):
    """The configuration has errors; `problems` has all of the stage's, and the warnings before it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.place.order, p.rule, p.message))
        super().__init__(f"{len(self.problems)} problems")


@dataclass
class Problems:
    """The collector that stages write to."""

    found: list[Problem] = field(default_factory=list)
    _seen: set[Problem] = field(default_factory=set)

    def error(self, rule: str, message: str, place: Place, *notes: Note, hint: str = "") -> None:
        self._add(Problem(rule, message, place, "error", notes, hint))

    def warning(self, rule: str, message: str, place: Place, *notes: Note, hint: str = "") -> None:
        self._add(Problem(rule, message, place, "warning", notes, hint))

    def _add(self, problem: Problem) -> None:
        """Once only: what a named list or an alias gets wrong is met at every use of it."""
        if problem not in self._seen:
            self._seen.add(problem)
            self.found.append(problem)

    def stop_on_errors(self) -> None:
        """End of a stage: raise Rejected if there is any error."""
        if any(problem.severity == "error" for problem in self.found):
            raise Rejected(self.found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean `x`?' when something known is near, else ''."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def render(problem: Problem, source: Source, colour: bool = False) -> str:
    """The whole message, with excerpt, notes and hint; no newline at the end."""
    head = _headline(problem.severity, problem.message, source, problem.place, colour)
    lines = [f"{head} [{problem.rule}]", *_excerpt(source, problem.place)]
    for message, place in problem.notes:
        lines += [_headline("note", message, source, place, colour), *_excerpt(source, place)]
    if problem.hint:
        lines.append(f"   = help: {problem.hint}")
    return "\n".join(lines)


def _excerpt(source: Source, place: Place) -> list[str]:
    return source.of(place.file).excerpt(place.line, place.column, place.length)


def _headline(severity: str, message: str, source: Source, place: Place, colour: bool) -> str:
    where = f"{source.of(place.file).name}:{place.line}:{place.column}:"
    message = printable(message)
    if not colour:
        return f"{where} {severity}: {message}"
    return f"{BOLD}{where}{PLAIN} {COLOURS[severity]}{severity}:{PLAIN} {BOLD}{message}{PLAIN}"


def printable(text: str) -> str:
    """Text from a file, safe on a terminal: control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def summary(problems: Iterable[Problem]) -> str:
    """'2 errors, 1 warning', or '' when there is nothing to say."""
    severities = [problem.severity for problem in problems]
    counts = [(severities.count(kind), kind) for kind in ("error", "warning")]
    return ", ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in counts if n)
