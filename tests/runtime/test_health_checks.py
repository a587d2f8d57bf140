"""What a document asks to be checked, compiled or refused."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import sealed
from vc5d.document import ServiceKey
from vc5d.document.structure import build
from vc5d.errors import Vc5Error
from vc5d.health.checks import Check, Plan
from vc5d.health.plans import compile_checks
from vc5d.health.state import Rule
from wire import REAL1, REAL2, VIP, raw_document

KEY = ServiceKey(VIP, 80, "tcp")


def plan(check: dict[str, Any]) -> Plan:
    return compile_checks(build(raw_document(check)))[KEY, REAL1]


def test_defaults() -> None:
    made = plan({"type": "http"})
    assert made.checks == (Check("http", 80, host="", path="/", method="GET", expect=(200,)),)
    assert (made.service, made.real, made.rule) == (KEY, REAL1, Rule(2, 3))
    assert (made.interval, made.timeout) == (0.1, 0.1)


def test_every_option() -> None:
    check = {"type": "https", "host": "a", "path": "/b", "method": "head", "expect": [200, 404], "port": 8443}
    assert plan(check).checks == (Check("https", 8443, "a", "/b", "HEAD", (200, 404)),)


def test_what_is_not_supported_is_refused_by_name() -> None:
    with pytest.raises(Vc5Error) as caught:
        plan({"type": "ping"})
    assert "ping" in caught.value.message
    assert f"service {KEY}, real {REAL1}" in caught.value.message
    assert f"real {REAL2}" in caught.value.message
    assert "use http" in caught.value.message


def test_no_checks_at_all() -> None:
    raw = raw_document({"type": "tcp"})
    for real in raw["services"][str(KEY)]["reals"].values():
        real["checks"] = []
    assert compile_checks(build(sealed(raw)))[KEY, REAL2].checks == ()


def test_dns_goes_by_udp_unless_the_document_says_tcp() -> None:
    assert plan({"type": "dns", "port": 53}).checks == (Check("dns", 53, method="udp"),)
    assert plan({"type": "dns", "port": 53, "method": "tcp"}).checks[0].method == "tcp"


def test_a_certificate_is_verified_on_request_only() -> None:
    assert plan({"type": "https"}).checks[0].verify is False
    assert plan({"type": "https", "verify": True}).checks[0].verify is True


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"type": "dns", "method": "GET"}, "a dns check by get: use udp or tcp"),
        ({"type": "http", "method": "udp"}, "a http check by UDP: use GET or HEAD"),
        ({"type": "http", "verify": True}, "a http check has no certificate to verify"),
    ],
)
def test_what_makes_no_sense_is_refused(check: dict[str, Any], message: str) -> None:
    with pytest.raises(Vc5Error) as caught:
        plan(check)
    assert message in caught.value.message


def test_a_real_without_a_port_needs_one_in_its_checks() -> None:
    """As those of a service that takes every port of its VIP."""
    raw = raw_document({"type": "syn"})
    service = raw["services"][str(KEY)]
    service["reals"] = {
        f"{REAL1}:0": service["reals"][f"{REAL1}:80"],
        f"{REAL2}:80": service["reals"][f"{REAL2}:80"],
    }
    with pytest.raises(Vc5Error) as caught:
        compile_checks(build(sealed(raw)))
    assert f"real {REAL1}: the syn check needs a port" in caught.value.message
    service["reals"][f"{REAL1}:0"] = {"checks": [{"type": "syn", "port": 22}], "disabled": False, "weight": 1}
    assert compile_checks(build(sealed(raw)))[KEY, REAL1].checks == (Check("syn", 22),)
