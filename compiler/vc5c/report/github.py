"""GitHub's workflow commands: each problem becomes an annotation of the line in a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence

from vc5c.problems import Problem
from vc5c.report import Report, everything

COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def text(reports: Sequence[Report]) -> str:
    """A line for each problem; '' when there are none."""
    return "".join(_command(report, problem) for report, problem in everything(reports))


def _command(report: Report, problem: Problem) -> str:
    """An annotation has one place: the others are told in its message."""
    lines = [problem.message]
    for message, place in problem.notes:
        lines.append(f"{report.file_of(place)}:{place.line}:{place.column}: {message}")
    if problem.hint:
        lines.append(f"help: {problem.hint}")
    place = problem.place
    properties = {
        "file": report.file_of(place),
        "line": place.line,
        "endLine": place.line,
        "col": place.column,
        "endColumn": place.column + place.length,
        "title": f"vc5c ({problem.rule})",
    }
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{COMMANDS[problem.severity]} {given}::{_data(chr(10).join(lines))}\n"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
