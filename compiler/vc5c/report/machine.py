"""JSON: one object, of the shape that schemas/problems.schema.json gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vc5c.problems import Place, Problem
from vc5c.report import Report, everything, page_of

VERSION = 1


def text(reports: Sequence[Report]) -> str:
    """The whole text. Nothing found: the same object, with no problems."""
    found = [_problem(report, problem) for report, problem in everything(reports)]
    severities = [problem["severity"] for problem in found]
    whole = {
        "version": VERSION,
        "files": [report.source.name for report in reports],
        "errors": severities.count("error"),
        "warnings": severities.count("warning"),
        "notes": severities.count("note"),
        "problems": found,
    }
    return json.dumps(whole, indent=2) + "\n"


def _problem(report: Report, problem: Problem) -> dict[str, Any]:
    return {
        "rule": problem.rule,
        "severity": problem.severity,
        "message": problem.message,
        **_place(report, problem.place),
        "hint": problem.hint or None,
        "related": [{"message": message, **_place(report, place)} for message, place in problem.notes],
        "url": page_of(problem.rule),
    }


def _place(report: Report, place: Place) -> dict[str, Any]:
    """Line and columns count from 1, in characters; end_column is the first that is not marked."""
    return {
        "file": report.file_of(place),
        "line": place.line,
        "column": place.column,
        "end_column": place.column + place.length,
    }
