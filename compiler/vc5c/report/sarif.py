"""SARIF 2.1.0 (OASIS): what code scanning services and editors read.

Regions count columns in characters (`columnKind` unicodeCodePoints); the end is exclusive (section 3.30).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vc5c.catalogue import RULES, Rule
from vc5c.catalogue.examples import shown
from vc5c.problems import Place, Problem
from vc5c.report import Report, everything, page_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def text(reports: Sequence[Report]) -> str:
    """One run, with every rule of the catalogue, and a result for each problem."""
    rules = list(RULES.values())
    index = {rule.id: number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {
            "name": "vc5c",
            "version": _version(),
            "rules": [_rule(rule) for rule in rules],
        }},
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, problem, index) for report, problem in everything(reports)],
    }  # fmt: skip
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.means},
        "fullDescription": {"text": f"{rule.means} {rule.why}"},
        "help": {"text": _help(rule), "markdown": _help(rule, "```yaml\n", "```\n", "**", "`")},
        "defaultConfiguration": {"level": rule.severity},
    }


def _help(rule: Rule, begin: str = "", end: str = "", bold: str = "", code: str = "") -> str:
    """All of it here: a helpUri would have to be absolute (section 3.49.12), and copies of the repository
    are at many places."""
    example = f"{begin}{shown(rule.example).rstrip()}\n{end}"
    fix = f"{bold}What to do:{bold} {rule.fix}"
    return f"{rule.why}\n\n{example}\n{fix}\n\nMore: {code}{page_of(rule.id)}{code}"


def _result(report: Report, problem: Problem, index: dict[str, int]) -> dict[str, Any]:
    hint = f"\n{problem.hint}" if problem.hint else ""
    result: dict[str, Any] = {
        "ruleId": problem.rule,
        "ruleIndex": index.get(problem.rule, -1),
        "level": problem.severity,
        "message": {"text": f"{problem.message}{hint}"},
        "locations": [{"physicalLocation": _location(report, problem.place)}],
    }
    related = [
        {"id": number, "message": {"text": message}, "physicalLocation": _location(report, place)}
        for number, (message, place) in enumerate(problem.notes, 1)
    ]
    return result | ({"relatedLocations": related} if related else {})


def _location(report: Report, place: Place) -> dict[str, Any]:
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.line,
        "endColumn": place.column + place.length,
    }
    return {"artifactLocation": {"uri": _uri(report.file_of(place))}, "region": region}


def _uri(path: str) -> str:
    """Relative as given; an absolute path as a file: URI."""
    if Path(path).is_absolute():
        return "file://" + quote(path, errors="replace")
    return quote(path, errors="replace")


def _version() -> str:
    try:
        return version("vc5")
    except PackageNotFoundError:  # run from a bare source tree
        return "0"
