"""VIPs that come and go, and why."""

from __future__ import annotations

import pytest
from vc5c.addresses import read_address
from vc5c.plan.announced import hears, silent
from vc5c.plan.make import Vip, make_plan

SERVICE = "virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, need: 1, policy: {80: }"
ONE = f"services: [{{{SERVICE}}}]"
BGP = ONE + "\nbgp: {as_number: 65000, peers: {10.0.0.254: {}}}"


@pytest.mark.parametrize(
    ("accept", "reject", "heard"),
    [
        (None, None, True),
        (None, ["0.0.0.0/0"], False),
        (["192.0.2.0/24"], ["0.0.0.0/0"], True),
        (["198.51.100.0/24"], ["0.0.0.0/0"], False),
        (["198.51.100.0/24"], None, True),
        (None, ["192.0.2.0/24"], False),
        (None, ["198.51.100.0/24"], True),
    ],
)
def test_filters(accept, reject, heard) -> None:
    options = {name: value for name, value in (("accept", accept), ("reject", reject)) if value is not None}
    assert hears("10.0.0.254", options, read_address("192.0.2.1")) is heard


def test_families() -> None:
    for peer, vip, heard in (("::1", "192.0.2.1", False), ("::1", "::2", True), ("10.0.0.1", "::2", True)):
        assert hears(peer, {}, read_address(vip)) is heard
    assert not hears("::1", {"reject": ["0.0.0.0/0", "::/0"]}, read_address("::2"))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (ONE, ONE.replace("2.1,", "2.1*,"), "it is written with a `*`"),
        (ONE, ONE.replace("0.1,", "0.1*,").replace("need: 1", "need: 2"),
         "192.0.2.1:80:tcp needs 2 reals, and has 1 enabled"),
        (ONE, ONE.replace("2.1,", "2.9,"), "it has no service any more"),
        (BGP, BGP.replace("{}", "{reject: [any]}"), "no BGP peer accepts it"),
        (BGP, ONE, "no BGP peer is left"),
    ],
)  # fmt: skip
def test_withdrawn_with_all_its_connections(document_of, before, after, reason) -> None:
    old, new = document_of(before), document_of(after)
    plan = make_plan(old, new)
    assert plan.withdrawn == (Vip("192.0.2.1", reason),)
    assert plan.worst
    assert (plan.worst.service, plan.worst.at_risk) == ("192.0.2.1:80:tcp", 1.0)
    back = make_plan(new, old)
    assert [vip.address for vip in back.announced] == ["192.0.2.1"] * (after != ONE or before != BGP)
    assert back.worst is None or back.worst.service != "192.0.2.1:80:tcp"


def test_one_service_withdraws_the_vip_of_all(document_of) -> None:
    text = ONE.replace("{80: }", "{80: , 443: {need: 2}}").replace("0.1,", "0.1*,")
    assert list(silent(document_of(text))) == ["192.0.2.1"]
    assert silent(document_of(ONE)) == {}
    assert silent(document_of(ONE.replace("need: 1", "need: 2"))) == {}


def test_without_peers_nothing_is_known_of_them(document_of) -> None:
    plan = make_plan(document_of(ONE), document_of(BGP))
    assert (plan.announced, plan.withdrawn, plan.worst) == ((), (), None)
