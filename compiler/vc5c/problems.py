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
from typing import NamedTuple, Protocol

MANY_NAMES = 200


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
    """One finding. severity: error, warning or note. `notes` point at the other places concerned, `hint`
    says what to do."""

    rule: str
    message: str
    place: Place
    severity: str = "error"
    notes: tuple[Note, ...] = ()
    hint: str = ""


class Rejected(Exception):
    """The configuration has errors; `problems` has all of the stage's, and the warnings before it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__(f"{len(self.problems)} problems")


class Silencer(Protocol):
    """Says which problems nobody wants to hear of (ignores.py)."""

    def silences(self, problem: Problem) -> bool: ...


@dataclass
class Problems:
    """The collector that stages write to. Errors stop the compiler, warnings and notes do not."""

    found: list[Problem] = field(default_factory=list)
    ignores: Silencer | None = None
    _seen: set[Problem] = field(default_factory=set)

    def error(self, rule: str, message: str, place: Place, *notes: Note, hint: str = "") -> None:
        self.add(Problem(rule, message, place, "error", notes, hint))

    def warning(self, rule: str, message: str, place: Place, *notes: Note, hint: str = "") -> None:
        self.add(Problem(rule, message, place, "warning", notes, hint))

    def note(self, rule: str, message: str, place: Place, *notes: Note, hint: str = "") -> None:
        """What is often meant, and sometimes not: shown by --check, and never counted as a problem."""
        self.add(Problem(rule, message, place, "note", notes, hint))

    def add(self, problem: Problem) -> None:
        """Once only: what a named list or an alias gets wrong is met at every use of it."""
        if problem in self._seen:
            return
        self._seen.add(problem)
        if self.ignores is None or not self.ignores.silences(problem):
            self.found.append(problem)

    def stop_on_errors(self) -> None:
        """End of a stage: raise Rejected if there is any error."""
        if any(problem.severity == "error" for problem in self.found):
            raise Rejected(self.found)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """As they are shown: by file, line and column."""
    return sorted(problems, key=lambda p: (p.place.order, p.rule, p.message))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean `x`?' when something known is near, else ''."""
    candidates = list(known)
    if len(candidates) > MANY_NAMES:  # to look at all of them closely would take long
        candidates = [name for name in candidates if _alike(word, name)]
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def _alike(word: str, name: str) -> bool:
    """At first sight: the same beginning or end, and about as long."""
    return abs(len(word) - len(name)) <= 2 and (word[:2] == name[:2] or word[-2:] == name[-2:])
