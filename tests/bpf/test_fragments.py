"""Fragments: the later ones go where the first one went, or nowhere."""

from __future__ import annotations

import pytest

from .model import ACCEPTING, DOWN, DRAINING, UDP, Real, Service
from .packets import V4, tcp, udp
from .pair import FamilyPair, who

pytestmark = pytest.mark.bpf

FIRST, LATER = tcp(40000, 80, "A", bytes(12)), bytes(24)


def start(both: FamilyPair, reals: int = 8) -> Service:
    """A service whose reals take turns."""
    made = [Real(10 + i, mac=bytes([2, 0, 0, 0, 0, i])) for i in range(reals)]
    web = Service(V4.vip, 80, 6, made, [i % reals for i in range(97)])
    dns = Service(V4.vip, 53, UDP, made, [(i + 1) % reals for i in range(97)])
    both.begin(web, dns)
    return web


def first(both: FamilyPair, id: int = 7, sport: int = 40000, **more: object) -> int | str:
    return who(both.fragment(tcp(sport, 80, "A", bytes(12)), more=True, id=id, **more))


def later(both: FamilyPair, id: int = 7, **more: object) -> int | str:
    return who(both.fragment(LATER, offset=32, id=id, **more))


def test_in_order(both: FamilyPair) -> None:
    """Whatever real the ports mean, the datagram stays whole."""
    start(both)
    met = set()
    for n in range(40):
        real = first(both, id=n, sport=n)
        assert who(both.fragment(LATER, offset=32, more=True, id=n)) == real
        assert (later(both, id=n), later(both, id=n)) == (real, real)
        met.add(real)
    both.same_state()
    assert len(met) == 8


def test_later_fragments_count(both: FamilyPair) -> None:
    """Packets and bytes, no flow: `send` compares. And they keep their tag's way out."""
    web = start(both, reals=1)
    web.reals[0].vlan, web.reals[0].ifindex = 20, 4711
    both.sync()
    first(both)
    outcome = both.fragment(LATER, offset=32, id=7)
    assert (outcome.verdict, outcome.new, outcome.frame[12:16].hex()) == (4, False, "81000014")


def test_out_of_order(both: FamilyPair) -> None:
    """Before its first one a fragment is dropped; from there on it goes through."""
    start(both)
    assert later(both) == "DROP_FRAGMENT"
    real = first(both)
    assert later(both) == real


def test_expires(both: FamilyPair) -> None:
    start(both)
    real = first(both)
    both.age(4.5)
    assert later(both) == real
    both.age(0.7)
    assert later(both) == "DROP_FRAGMENT"
    assert (first(both), later(both)) == (real, real)


def test_keys(both: FamilyPair) -> None:
    """Another id, source, destination or (IPv4) protocol is another datagram."""
    start(both)
    real, other = first(both), "10.99.0.3" if both.family.version == 4 else "2001:db8:99::3"
    assert later(both, id=8) == "DROP_FRAGMENT"
    assert later(both, src=other) == "DROP_FRAGMENT"
    same_id = later(both, protocol=UDP)
    assert same_id == ("DROP_FRAGMENT" if both.family.version == 4 else real)
    assert later(both) == real


def test_same_id_of_two_sources_and_protocols(both: FamilyPair) -> None:
    start(both)
    other = "10.99.0.3" if both.family.version == 4 else "2001:db8:99::3"
    mine = first(both, id=7)
    theirs = first(both, id=7, src=other)
    assert (later(both), later(both, src=other)) == (mine, theirs)
    for sport in range(50):
        segment = udp(sport, 53, bytes(16), length=900)
        dns = who(both.fragment(segment, more=True, id=7, protocol=UDP))
        if dns != mine:
            break
    assert dns != mine
    assert later(both, protocol=UDP) == dns
    assert later(both) == (mine if both.family.version == 4 else dns)
    both.same_state()


def test_id_used_again(both: FamilyPair) -> None:
    """The newest first fragment counts."""
    start(both)
    old = first(both, sport=1)
    new = next(real for sport in range(2, 50) if (real := first(both, sport=sport)) != old)
    assert later(both) == new


@pytest.mark.parametrize("state", [DOWN, DRAINING])
def test_real_changes(both: FamilyPair, state: int) -> None:
    web = start(both)
    real = first(both)
    web.reals[int(real)].state = state
    both.sync()
    assert later(both) == (real if state == DRAINING else "DROP_FRAGMENT")
    web.reals[int(real)].state = ACCEPTING
    both.sync()
    assert later(both) == real


def test_index_taken_over(both: FamilyPair) -> None:
    """The index of the real is another real's now."""
    web = start(both)
    real = first(both)
    web.reals[int(real)].id = 99
    both.sync()
    assert later(both) == "DROP_FRAGMENT"


def test_mac_changes_between(both: FamilyPair) -> None:
    web = start(both)
    real = int(first(both))
    web.reals[real].mac = bytes.fromhex("0200000000ee")
    both.sync()
    assert both.fragment(LATER, offset=32, id=7).frame[:6].hex() == "0200000000ee"
    web.reals[real].mac = None
    both.sync()
    assert later(both) == "DROP_NO_NEIGHBOR"


def test_not_forwarded_not_kept(both: FamilyPair) -> None:
    web = start(both, reals=1)
    web.reals[0].state = DOWN
    both.sync()
    assert (first(both), later(both)) == ("DROP_NO_REAL", "DROP_FRAGMENT")
    web.reals[0].state, web.reals[0].mac = ACCEPTING, None
    both.sync()
    assert (first(both), later(both)) == ("DROP_NO_NEIGHBOR", "DROP_FRAGMENT")
    both.same_state()


def test_at_the_real(both: FamilyPair) -> None:
    start(both)
    real = int(first(both))
    mac = both.balancer.services[0].reals[real].mac
    assert mac
    frame = both.family.fragment(LATER, offset=32, id=7)
    assert who(both.send(mac + frame[6:])) == "PASS_AT_REAL"


def test_tracked_like_whole_packets(both: FamilyPair) -> None:
    """A first fragment with SYN is stored, and the flow's others follow it."""
    web = start(both)
    web.track = "full"
    both.sync()
    real = who(both.fragment(tcp(40000, 80, "S", bytes(12)), more=True, id=7))
    web.table = [(i + 3) % 8 for i in range(97)]
    both.sync()
    assert (who(both.tcp()), later(both)) == (real, real)
    both.same_state()


def test_a_flow_that_begins_with_a_fragment(both: FamilyPair) -> None:
    """It counts as new, once."""
    start(both)
    both.balancer.services[1].track = "full"
    both.sync()
    segment = udp(5, 53, bytes(16), length=900)
    new = [both.fragment(segment, more=True, id=n, protocol=UDP).new for n in range(2)]
    assert (new, both.udp(5).new) == ([True, False], False)


def test_unfragmented_packets_are_not_kept(both: FamilyPair) -> None:
    start(both)
    both.tcp()
    assert later(both, id=0x1234) == "DROP_FRAGMENT"
    both.same_state()
