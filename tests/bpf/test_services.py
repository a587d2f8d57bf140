"""Any-port services, sticky ones, least connections."""

from __future__ import annotations

from collections import Counter

import pytest

from .model import ACCEPTING, DOWN, DRAINING, TRANSITION, UDP, First, Real, Service
from .packets import V4
from .pair import FamilyPair, who

pytestmark = pytest.mark.bpf

SIZE = 97


def service(port: int = 80, protocol: int = 6, number: int = 0, reals: int = 8, **more: object) -> Service:
    made = [Real(100 * number + 10 + i, mac=bytes([2, 0, 0, 0, number, i])) for i in range(reals)]
    return Service(V4.vip, port, protocol, made, [i % reals for i in range(SIZE)], **more)  # type: ignore[arg-type]


def client(both: FamilyPair, n: int) -> str:
    return f"10.99.{n >> 8}.{n & 255}" if both.family.version == 4 else f"2001:db8:99::{n:x}"


# -- any port --------------------------------------------------------------------------------------


def test_any_port_behind_specific(both: FamilyPair) -> None:
    both.begin(service(80), service(0, number=1), service(53, UDP, number=2))
    assert [both.tcp(dport=port).real[0] for port in (80, 81, 0, 65535)] == [0, 1, 1, 1]  # type: ignore[index]
    assert both.udp(dport=53).real[0] == 2  # type: ignore[index]
    assert both.udp(dport=54).reason == "DROP_UNKNOWN_PORT"


def test_any_port_of_each_protocol(both: FamilyPair) -> None:
    both.begin(service(0), service(0, UDP, number=1, track="full"))
    assert (both.tcp(dport=7).real[0], both.udp(dport=7).real[0]) == (0, 1)  # type: ignore[index]
    both.same_state()


def test_any_port_of_one_vip_only(both: FamilyPair) -> None:
    other = Service(both.family.other_vip, 80, 6, [Real(9)], [0] * 31)
    both.begin(service(0))
    both.start(both.balancer.services[0], other)
    assert both.tcp(dport=81, dst=both.family.other_vip).reason == "DROP_UNKNOWN_PORT"
    assert both.tcp(dport=81).real
    assert both.tcp(dport=80, dst=both.family.other_vip).real == (1, 0)


def test_any_port_hashes_the_packet_s_port(both: FamilyPair) -> None:
    both.begin(service(0))
    assert len({who(both.tcp(dport=port)) for port in range(1, 60)}) == 8


def test_any_port_in_one_family_only(both: FamilyPair) -> None:
    """The other family's flag is its own."""
    six, four = service(0), service(80, number=1)
    both.begin(six)
    four.address, four.packed = _elsewhere(both)
    both.start(six, four)
    assert both.tcp(dport=7).real


def _elsewhere(both: FamilyPair) -> tuple[str, bytes]:
    import ipaddress

    address = "192.168.7.7" if both.family.version == 6 else "2001:db8:7::7"
    return address, ipaddress.ip_address(address).packed


# -- sticky ----------------------------------------------------------------------------------------


def test_sticky_by_source_alone(both: FamilyPair) -> None:
    """A source finds the same real whatever its ports, on both services."""
    both.begin(
        service(80, sticky=True), service(443, number=1, sticky=True), service(53, UDP, 2, sticky=True)
    )
    met = set()
    for n in range(1, 60):
        src = client(both, n)
        got = {
            who(both.tcp("S", sport, src=src, dport=port)) for sport in (1, 2, 40000) for port in (80, 443)
        }
        got.add(who(both.udp(7, src=src)))
        assert len(got) == 1
        met |= got
    assert len(met) == 8


def test_not_sticky(both: FamilyPair) -> None:
    both.begin(service(80))
    assert len({who(both.tcp(sport=sport)) for sport in range(60)}) == 8


@pytest.mark.parametrize(("was", "now"), [(False, True), (True, False), (True, True)])
def test_sticky_changes_in_a_transition(both: FamilyPair, was: bool, now: bool) -> None:
    """The previous owner is found by the hash as it was."""
    web = service(80, sticky=was)
    both.begin(web)
    before = {sport: who(both.tcp("S", sport)) for sport in range(50)}
    web.sticky, web.slots = now, [TRANSITION] * SIZE
    web.first = First(web.table, both.balancer.seed, was)
    web.table = [(i * 3 + 1) % 8 for i in range(SIZE)]
    both.balancer.seed = 77
    both.sync()
    assert {sport: who(both.tcp("A", sport)) for sport in before} == before
    both.same_state()


# -- least connections -----------------------------------------------------------------------------


def test_leastconn_takes_the_less_loaded(both: FamilyPair) -> None:
    """With one real idle and the others loaded it gets about twice its share."""
    web = service(80, leastconn=True)
    for real in web.reals:
        real.load = 100
    web.reals[3].load = 7
    both.begin(web)
    got = Counter(who(both.tcp("S", sport)) for sport in range(400))
    assert got[3] > 400 / 8 * 1.5
    assert {who(both.tcp("A", sport)) for sport in range(400)} == set(range(8))
    both.same_state()


def test_leastconn_tie_takes_the_first(both: FamilyPair) -> None:
    web = service(80, leastconn=True)
    both.begin(web)
    chosen = {sport: who(both.tcp("S", sport)) for sport in range(60)}
    plain = service(80)
    both.begin(plain)
    assert chosen == {sport: who(both.tcp("S", sport)) for sport in range(60)}


def test_leastconn_load_is_read_live(both: FamilyPair) -> None:
    web = service(80, reals=2, leastconn=True)
    both.begin(web)
    for light in (0, 1, 0):
        web.reals[light].load, web.reals[1 - light].load = 5, 6
        both.sync()
        both.balancer.flows.tables["syn"].clear()
        for name in ("flows4_syn", "flows6_syn"):
            both.kernel.clear(name)
        got = Counter(who(both.tcp("S", sport)) for sport in range(50))
        assert got[light] > 45


def test_leastconn_keeps_its_flows(both: FamilyPair) -> None:
    web = service(80, leastconn=True)
    both.begin(web)
    before = {sport: who(both.tcp("S", sport)) for sport in range(40)}
    for n, real in enumerate(web.reals):
        real.load = n * 1000
    both.sync()
    assert {sport: who(both.tcp("A", sport)) for sport in range(40)} == before
    assert {sport: who(both.tcp("S", sport)) for sport in range(40)} == before


def test_leastconn_with_few_reals(both: FamilyPair) -> None:
    """One that accepts, where the probes find it or not; then none."""
    web = service(80, leastconn=True)
    for real in web.reals[1:]:
        real.state = DOWN
    web.reals[1].state = DRAINING
    both.begin(web)
    assert {who(both.tcp("S", sport)) for sport in range(60)} == {0}
    web.table = [1] * SIZE
    both.sync()
    assert {who(both.tcp("S", sport)) for sport in range(100, 130)} == {0}
    web.reals[0].state = DOWN
    both.sync()
    assert who(both.tcp("S", 999)) == "DROP_NO_REAL"


def test_leastconn_probes_on_for_a_second_real(both: FamilyPair) -> None:
    """Most slots are one real's: a later probe finds the other one, or it is the first one's alone."""
    web = service(80, reals=2, leastconn=True)
    web.table = [1 if i < 8 else 0 for i in range(SIZE)]
    web.reals[0].load = 9
    both.begin(web)
    got = Counter(who(both.tcp("S", sport)) for sport in range(400))
    assert 100 < got[1] < 300


@pytest.mark.parametrize("track", ["full", "minimal", "needed"])
@pytest.mark.parametrize("protocol", [6, UDP])
def test_track_in_each_state(both: FamilyPair, track: str, protocol: int) -> None:
    """Every `track` in every state of owner and slot, two packets each: `send` compares."""
    for state in (ACCEPTING, DRAINING, DOWN):
        for slot in range(3):
            web = service(80, protocol, track=track)
            web.reals[0].state, web.slots = state, [slot] * SIZE
            web.first = First([5] * SIZE) if slot == TRANSITION else None
            both.begin(web)
            for sport in range(12):
                for flags in "SAAF":
                    both.send(
                        both.family.udp(sport, 80) if protocol == UDP else both.family.tcp(flags, sport)
                    )
            both.same_state()


def test_syn_with_data_and_reset(both: FamilyPair) -> None:
    """What counts as SYN: the bit without ACK, whatever else is set."""
    web = service(80, track="full")
    both.begin(web)
    for flags, new in (("S", True), ("SP", True), ("SF", True), ("SR", True), ("SA", False), ("A", False)):
        assert both.tcp(flags, sport=5).new == new
    both.same_state()
