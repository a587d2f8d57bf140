"""What became of the sections, by pytest's own report, as a table with a reason for each skipped test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.kernels.sections import Section


@dataclass(frozen=True)
class Outcome:
    """skipped: tests by the reason why."""

    section: Section
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Something ran or was skipped for a reason, and nothing failed."""
        return not self.failed and bool(self.passed or self.skipped)


def read_outcome(section: Section, report: Path, seconds: float) -> Outcome:
    """A report that is not there is a failure: pytest itself did not get through."""
    if not report.exists():
        return Outcome(section, seconds, failed=1)
    cases = ElementTree.parse(report).getroot().iter("testcase")
    passed, failed, skipped = 0, 0, Counter[str]()
    for case in cases:
        found = {child.tag: child for child in case}
        if "failure" in found or "error" in found:
            failed += 1
        elif "skipped" in found:
            skipped[found["skipped"].get("message", "no reason given")] += 1
        else:
            passed += 1
    return Outcome(section, seconds, passed, failed, skipped)


def table(outcomes: Sequence[Outcome], left: Sequence[str]) -> str:
    """left: sections that were not asked for."""
    lines = [f"{'section':10} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}  what"]
    for each in outcomes:
        numbers = f"{each.passed:7} {each.failed:7} {each.skipped.total():8} {each.seconds:8.0f}"
        lines.append(f"{each.section.name:10} {numbers}  {each.section.what}")
    reasons = [
        f"  {each.section.name}: {count} because {reason}"
        for each in outcomes
        for reason, count in each.skipped.items()
    ]
    if reasons:
        lines += ["skipped:", *reasons]
    if left:
        lines.append(f"not asked for: {', '.join(left)}")
    return "\n".join(lines)
