"""What a person, a program or a CI system is shown of the problems that were found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vc5c.problems import Place, Problem
from vc5c.source import Source

RULES_PAGE = "docs/rules.md"


class Report(NamedTuple):
    """One configuration and what was found in it, in the order in which it is shown."""

    source: Source
    problems: Sequence[Problem]

    def file_of(self, place: Place) -> str:
        """The name of the file that a place is in, as the user knows it."""
        return self.source.of(place.file).name


def everything(reports: Iterable[Report]) -> Iterator[tuple[Report, Problem]]:
    """Every problem of all configurations, with its report."""
    return ((report, problem) for report in reports for problem in report.problems)


def page_of(rule: str) -> str:
    """Where a rule is explained, relative to the repository."""
    return f"{RULES_PAGE}#{rule}"
