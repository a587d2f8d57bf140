"""The whole plan: notes, the worst service, and when it is refused."""

from __future__ import annotations

import pytest
from vc5c.documents import Document
from vc5c.plan.make import make_plan

TWO = """
services:
- {virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {80: , 81: }}
- {virtual: 192.0.2.2, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {53/udp: {track: minimal}}}
"""
LESS = TWO.replace(", 81: ", "").replace(
    "10.0.0.2], table_size: 251, policy: {53", "10.0.0.3], table_size: 251, policy: {53"
)


def test_the_worst_service_decides(document_of) -> None:
    old, new = document_of(TWO), document_of(LESS)
    plan = make_plan(old, new, limit=0.999)
    assert plan.worst
    assert plan.worst.service == "192.0.2.1:81:tcp"
    assert plan.refused
    assert not make_plan(old, new, limit=1.0).refused
    assert not make_plan(old, new).refused


def test_who_has_no_connections_has_none_to_lose(document_of) -> None:
    old, new = document_of(TWO), document_of(LESS)
    plan = make_plan(old, new, {"192.0.2.2:53:udp": 10}, 0.4)
    assert plan.worst
    assert plan.worst.service == "192.0.2.2:53:udp"
    assert plan.refused
    plan = make_plan(old, new, {"192.0.2.1:80:tcp": 10}, 0.0)
    assert (plan.worst, plan.refused) == (None, False)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ("198.51.100.0/24",), True),
        (("198.51.100.0/24",), (), False),
        (("198.51.100.0/24",), ("198.51.100.7/32",), False),
        (("198.51.100.0/25",), ("198.51.100.0/24",), True),
        (("2001:db8::/32",), ("2001:db8:1::/48",), False),
        ((), ("2001:db8::/32",), True),
    ],
)
def test_newly_blocked_sources(document_of, before, after, told) -> None:
    document = document_of(TWO)
    old, new = (
        Document(**{**vars(document), "digest": str(n), "block": {"5": listed}})
        for n, listed in enumerate((before, after))
    )
    assert [
        note.startswith("connections from newly blocked sources") for note in make_plan(old, new).notes
    ] == [True] * told


def test_defcon_puts_lists_in_force(document_of) -> None:
    document = document_of(TWO)
    calm, alarmed = (
        Document(
            **{**vars(document), "digest": str(defcon), "block": {"3": ("198.51.100.0/24",)},
               "settings": {**document.settings, "defcon": defcon}}
        )
        for defcon in (4, 3)
    )  # fmt: skip
    assert make_plan(calm, alarmed).notes == (
        "connections from newly blocked sources break: 198.51.100.0/24",
    )
    assert make_plan(alarmed, calm).notes == ()


def test_other_tunnels_are_told(document_of) -> None:
    tunnel = TWO.replace("192.0.2.2,", "192.0.2.2, tunnel-type: ipip,")
    (note,) = make_plan(document_of(TWO), document_of(tunnel)).notes
    assert note.startswith("192.0.2.2:53:udp: another tunnel")


def any_port(document: Document) -> Document:
    """Port 0 in place of 81: the language has a word for it only since VC5's `*` policies."""
    service = document.services["192.0.2.1:81:tcp"]
    services = {n: s for n, s in document.services.items() if n != service.name}
    made = type(service)(**{**vars(service), "name": "192.0.2.1:0:tcp", "port": 0})
    return Document(**{**vars(document), "digest": "any", "services": services | {made.name: made}})


def test_an_any_port_service_takes_over(document_of) -> None:
    plan = make_plan(document_of(TWO), any_port(document_of(TWO)))
    assert plan.worst is None  # the same table, hashed alike: every flow finds its real
    other = any_port(document_of(TWO.replace("10.0.0.2]", "10.0.0.3]")))
    plan = make_plan(document_of(TWO), other)
    effect = next(effect for effect in plan.effects if effect.service == "192.0.2.1:81:tcp")
    assert 0.4 < effect.at_risk == effect.moved < 0.7


def test_a_port_is_carved_out(document_of) -> None:
    (note,) = make_plan(any_port(document_of(TWO)), document_of(TWO)).notes
    assert note.startswith("192.0.2.1:81:tcp is new and takes its port's packets from 192.0.2.1:0:tcp")
