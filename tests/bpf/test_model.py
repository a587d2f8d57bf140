"""The model against what the cases say by hand, and against RFCs' own arithmetic. Needs no kernel."""

from __future__ import annotations

import pytest

from .cases import Case, services
from .model import Balancer
from .model.icmp import update
from .packets import FAMILIES, checksum
from .test_forward import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    down = {family.vip for family in FAMILIES} if case.down else set()
    made = services(case.vlan, case.ifindex)
    balancer = Balancer(made, vlans=set(case.vlans), own=list(case.own), down=down)
    outcome = balancer.process(case.frame)
    assert (outcome.verdict, outcome.reason) == (case.verdict, case.reason)
    assert outcome.frame.hex() == (case.frame if case.out is None else case.out).hex()


def test_incremental_checksum() -> None:
    """The example of RFC 1624, section 4, and one that is right stays right."""
    assert update(0xDD2F, 0x5555, 0x3285) == 0x0000
    body = bytes.fromhex("0800000000070009") + b"odd"
    whole = checksum(body)
    assert update(whole, 0x0800, 0x0000) == checksum(b"\0\0" + body[2:])
