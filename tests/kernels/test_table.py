"""What is said of a run: nothing that failed or was skipped goes unmentioned."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .sections import SECTIONS, Section
from .table import Outcome, read_outcome, table

SECTION = Section("part", "what it is about", ("tests/x.py",))
REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><error/></testcase>
<testcase name="d"><skipped message="no bonding here"/></testcase>
<testcase name="e"><skipped message="no bonding here"/></testcase>
</testsuite></testsuites>"""


def test_outcome(tmp_path: Path) -> None:
    report = tmp_path / "found.xml"
    report.write_text(REPORT)
    found = read_outcome(SECTION, report, 3.0)
    assert (found.passed, found.failed, found.skipped) == (1, 2, Counter({"no bonding here": 2}))
    assert not found.good


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    assert not read_outcome(SECTION, tmp_path / "none.xml", 1.0).good
    assert not Outcome(SECTION, 1.0).good, "nothing ran"


def test_table_says_why() -> None:
    said = table([Outcome(SECTION, 3.4, passed=5, skipped=Counter({"no bonding here": 2}))], ["demo"])
    assert said.splitlines()[1].split()[:5] == ["part", "5", "0", "2", "3"]
    assert "part: 2 because no bonding here" in said
    assert "not asked for: demo" in said


def test_sections_are_of_tests_that_there_are() -> None:
    root = Path(__file__).parents[2]
    for section in SECTIONS:
        assert all((root / path).is_file() for path in section.tests), section.name
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)
