"""What the doctor says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """area: what it is about, a word or two. what: in one line. why: why it matters; fix: the command that
    mends it; both empty where all is well."""

    level: str
    area: str
    what: str
    why: str = ""
    fix: str = ""


Findings = Sequence[Finding]


def ok(area: str, what: str) -> Finding:
    return Finding(OK, area, what)


def warn(area: str, what: str, why: str, fix: str) -> Finding:
    return Finding(WARN, area, what, why, fix)


def fail(area: str, what: str, why: str, fix: str) -> Finding:
    return Finding(FAIL, area, what, why, fix)
