"""Blocked sources; budgets of inserts and echoes."""

from __future__ import annotations

import ipaddress
import time

import pytest

from .model import DOWN, UDP, Real, Service
from .model.counters import TICK, Network
from .packets import V4, ethernet, tcp
from .pair import FamilyPair, clock, who

pytestmark = pytest.mark.bpf


def service(port: int = 80, protocol: int = 6, **more: object) -> Service:
    return Service(V4.vip, port, protocol, [Real(port), Real(port + 1)], [0] * 31, **more)  # type: ignore[arg-type]


# -- blocked sources -------------------------------------------------------------------------------

PREFIXES4 = [
    "10.0.0.0/8",
    "10.99.0.0/16",
    "10.99.0.0/20",
    "10.99.0.0/21",
    "10.99.0.2/32",
    "10.99.240.0/20",
    "0.0.0.0/0",
    "128.0.0.0/1",
]
PREFIXES6 = [
    "2001:db8::/32",
    "2001:db8:99::/48",
    "2001:db8:99::/64",
    "2001:db8:99::2/128",
    "::/0",
    "8000::/1",
    "2001:db8:99::2/127",
]


def network(prefix: str) -> Network:
    return ipaddress.ip_network(prefix, strict=False)


def edges(prefix: str) -> list[str]:
    """The first and the last address inside, and those next to them outside."""
    found = network(prefix)
    low, high = int(found.network_address), int(found.broadcast_address)
    most = (1 << found.max_prefixlen) - 1
    numbers = [n for n in (low - 1, low, low + 1, high - 1, high, high + 1) if 0 <= n <= most]
    return [str(type(found.network_address)(n)) for n in numbers]


def test_edges(both: FamilyPair) -> None:
    """Of prefixes shorter and longer than the bits of `blocked4_bits`."""
    both.begin(service())
    for prefix in PREFIXES4 if both.family.version == 4 else PREFIXES6:
        both.balancer.blocked = [network(prefix)]
        both.sync()
        for source in edges(prefix):
            inside = ipaddress.ip_address(source) in network(prefix)
            assert who(both.tcp(src=source)) == ("DROP_BLOCKED" if inside else 0), (prefix, source)


def test_shorter_and_longer_together(both: FamilyPair) -> None:
    four = ["10.99.16.0/20", "10.99.0.128/25", "10.100.0.0/14", "10.99.32.7/32"]
    six = ["2001:db8:99::/112", "2001:db8:98::/47", "2001:db9::/32"]
    prefixes = [network(prefix) for prefix in (four if both.family.version == 4 else six)]
    both.begin(service(), blocked=prefixes)
    for prefix in prefixes:
        for source in edges(str(prefix)):
            blocked = any(ipaddress.ip_address(source) in other for other in prefixes)
            assert (who(both.tcp(src=source)) == "DROP_BLOCKED") == blocked


def test_blocked_comes_first(both: FamilyPair) -> None:
    """Before everything but that the packet is for a VIP."""
    both.begin(service(), blocked=[network(both.family.client)])
    family = both.family
    for packet in (
        family.ip(tcp(1, 81)),
        family.ip(tcp(1, 80, doff=7)),
        family.ip(bytes(8), 132),
        family.echo(),
        family.message(135),
        family.error(family.answer(tcp(80, 1)), src=family.client),
    ):
        assert both.send(ethernet(packet)).reason == "DROP_BLOCKED"
    assert both.fragment(bytes(8), offset=8).reason == "DROP_BLOCKED"
    assert both.fragment(tcp(1, 80), more=True).reason == "DROP_BLOCKED"
    assert both.tcp(dst=family.host).reason == "PASS_NOT_VIP"
    assert both.send(ethernet(family.ip(tcp(1, 80)), tci=999)).reason == "PASS_UNKNOWN_VLAN"


def test_blocked_inside_an_error_is_not_asked(both: FamilyPair) -> None:
    """The source is the router's, not the client's."""
    both.begin(service(), blocked=[network(both.family.client)])
    assert who(both.error(tcp(80, 1))) == 0


def test_switch(both: FamilyPair) -> None:
    """What lies in the trie is asked only while the switch says so."""
    both.begin(service(), blocked=[network(both.family.client)])
    both.kernel.arrays["control"]["switches"] = 3 & ~(1 if both.family.version == 4 else 2)
    both.balancer.blocked = []
    both.balancer.reindex()
    assert who(both.tcp()) == 0


def test_families_apart(both: FamilyPair) -> None:
    everything = network("::/0") if both.family.version == 4 else network("0.0.0.0/0")
    both.begin(service(), blocked=[everything])
    assert who(both.tcp()) == 0


def test_lifted(both: FamilyPair) -> None:
    both.begin(service(), blocked=[network(both.family.client)])
    assert who(both.tcp()) == "DROP_BLOCKED"
    both.balancer.blocked = []
    both.sync()
    assert who(both.tcp()) == 0


# -- budgets ---------------------------------------------------------------------------------------


def calm(both: FamilyPair) -> None:
    """A second that has just begun, with whole budgets."""
    time.sleep((TICK - clock() % TICK) / 1e9 + 0.01)
    both.new_second()


def test_inserts(both: FamilyPair) -> None:
    """So many a second, in each table; what is not stored is answered and counted."""
    both.begin(service(track="full"), service(53, UDP, track="full"), inserts=3)
    calm(both)
    outcomes = [both.tcp("S", sport) for sport in range(5)]
    assert [outcome.refused for outcome in outcomes] == [False] * 3 + [True] * 2
    assert all(outcome.new and outcome.real for outcome in outcomes)
    promoted = [both.tcp("A", sport) for sport in range(3)]
    assert [outcome.refused for outcome in promoted] == [False] * 3
    outcomes = [both.udp(sport) for sport in range(5)]
    assert [outcome.refused for outcome in outcomes] == [False] * 3 + [True] * 2
    assert [outcome.new for outcome in outcomes] == [True] * 3 + [False] * 2
    both.same_state()


def test_inserts_of_a_new_second(both: FamilyPair) -> None:
    both.begin(service(track="full"), inserts=1)
    calm(both)
    assert [both.tcp("S", sport).refused for sport in range(3)] == [False, True, True]
    time.sleep((TICK - clock() % TICK) / 1e9 + 0.01)
    assert [both.tcp("S", sport).refused for sport in range(3, 6)] == [False, True, True]
    both.same_state()


def test_no_promotion_beyond_the_budget(both: FamilyPair) -> None:
    """The entry stays among the half-open, answers, and is promoted by a later packet."""
    web = service(track="full")
    both.begin(web, inserts=2)
    calm(both)
    for sport in range(2):
        both.tcp("S", sport)
    both.fragment(tcp(7, 80), more=True)
    assert [both.tcp("A", sport).refused for sport in (0, 1)] == [False, False]
    both.new_second()
    for sport in range(10, 12):
        both.tcp("S", sport)
    both.balancer.inserts = 1
    both.sync()
    both.new_second()
    web.table = [1] * 31
    both.sync()
    assert [who(both.tcp("A", sport)) for sport in (10, 11, 11)] == [0, 0, 0]
    assert len(both.balancer.flows.tables["syn"]) == 1
    both.same_state()
    both.new_second()
    both.tcp("A", 11)
    both.same_state()
    assert len(both.balancer.flows.tables["syn"]) == 0


def test_refused_leaves_the_old_entry(both: FamilyPair) -> None:
    """A SYN that cannot be stored changes nothing for the flow that has its addresses."""
    web = service(track="full")
    both.begin(web, inserts=1)
    calm(both)
    both.tcp("S", 1)
    both.tcp("A", 1)
    web.reals[0].state = DOWN
    both.sync()
    both.new_second()
    both.tcp("S", 2)
    outcome = both.tcp("S", 1)
    assert (who(outcome), outcome.refused) == (1, True)
    both.same_state()
    assert len(both.balancer.flows.tables["tcp"]) == 1


def test_touching_is_free(both: FamilyPair) -> None:
    both.begin(service(track="full"), inserts=1, lifetime=20.0)
    calm(both)
    both.tcp("S", 1)
    both.tcp("A", 1)
    for _ in range(3):
        both.age(1)
        assert not both.tcp("A", 1).refused
    both.same_state()


def test_no_limit(both: FamilyPair) -> None:
    both.begin(service(track="full"), inserts=0)
    assert not any(both.tcp("S", sport).refused for sport in range(300))
    both.same_state()


def test_echoes(both: FamilyPair) -> None:
    both.begin(service(), echoes=3)
    calm(both)
    echo = ethernet(both.family.echo())
    assert [both.send(echo).reason for _ in range(4)] == ["ANSWER_ECHO"] * 3 + ["DROP_ECHO_LIMIT"]
    time.sleep((TICK - clock() % TICK) / 1e9 + 0.01)
    assert [both.send(echo).reason for _ in range(4)] == ["ANSWER_ECHO"] * 3 + ["DROP_ECHO_LIMIT"]


def test_no_echoes(both: FamilyPair) -> None:
    both.begin(service(), echoes=0)
    assert both.send(ethernet(both.family.echo())).reason == "DROP_ECHO_LIMIT"


def test_what_is_not_answered_costs_nothing(both: FamilyPair) -> None:
    both.begin(service(), echoes=1)
    both.start(*both.balancer.services, Service(both.family.other_vip, 80, 6, [Real(9)], [0]), echoes=1)
    both.balancer.down = {both.family.other_vip}
    both.sync()
    calm(both)
    family = both.family
    assert both.send(ethernet(family.echo(dst=family.other_vip))).reason == "DROP_VIP_DOWN"
    assert both.send(ethernet(family.echo(code=1))).reason == "DROP_ICMP"
    assert both.send(ethernet(family.echo(src=family.vip))).reason == "DROP_MALFORMED"
    assert both.send(ethernet(family.echo())).reason == "ANSWER_ECHO"
    assert both.send(ethernet(family.echo())).reason == "DROP_ECHO_LIMIT"


def test_echoes_and_inserts_apart(both: FamilyPair) -> None:
    both.begin(service(track="full"), echoes=1, inserts=1)
    calm(both)
    assert both.send(ethernet(both.family.echo())).reason == "ANSWER_ECHO"
    assert not both.tcp("S", 1).refused
    assert both.tcp("S", 2).refused
    assert both.send(ethernet(both.family.echo())).reason == "DROP_ECHO_LIMIT"
