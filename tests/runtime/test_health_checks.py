"""What a document asks to be checked, compiled or refused."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import sealed
from vc5d.document import ServiceKey
from vc5d.document.structure import build
from vc5d.errors import Vc5Error
from vc5d.health.checks import Check, Plan, compile_checks
from vc5d.health.state import Rule
from wire import REAL1, REAL2, VIP, raw_document

KEY = ServiceKey(VIP, 80, "tcp")


def plan(check: dict[str, Any]) -> Plan:
    return compile_checks(build(raw_document(check)))[KEY, REAL1]


def test_defaults() -> None:
    made = plan({"type": "http"})
    assert made.checks == (Check("http", 80, host="", path="/", method="GET", expect=(200,)),)
    assert (made.vip, made.real, made.rule) == (VIP, REAL1, Rule(2, 3))
    assert (made.interval, made.timeout) == (0.1, 0.1)


def test_every_option() -> None:
    check = {"type": "https", "host": "a", "path": "/b", "method": "head", "expect": [200, 404], "port": 8443}
    assert plan(check).checks == (Check("https", 8443, "a", "/b", "HEAD", (200, 404)),)


def test_what_is_not_supported_is_refused_by_name() -> None:
    with pytest.raises(Vc5Error) as caught:
        plan({"type": "dns"})
    assert "dns" in caught.value.message
    assert f"service {KEY}, real {REAL1}" in caught.value.message
    assert f"real {REAL2}" in caught.value.message
    assert "http" in caught.value.hint


def test_no_checks_at_all() -> None:
    raw = raw_document({"type": "tcp"})
    for real in raw["services"][str(KEY)]["reals"].values():
        real["checks"] = []
    assert compile_checks(build(sealed(raw)))[KEY, REAL2].checks == ()
