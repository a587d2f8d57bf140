"""Sessions, time per packet, prefixes: what is sampled, and what the samples say."""

from __future__ import annotations

import numpy as np
import pytest
from support.documents import Spec, document
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.errors import Vc5Error
from vc5d.xdp.maps import Capacity, Maps
from vc5d.xdp.stores import SESSION, MemoryStore

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 4096)
SECOND = 10**9
HTTP, DNS, SIX = "192.168.101.1:80:tcp", "192.168.101.1:53:udp", "2001:db8::1:80:tcp"
KEY, DNS_KEY = ServiceKey("192.168.101.1", 80, "tcp"), ServiceKey("192.168.101.1", 53, "udp")
ONE, TWO = "10.1.10.1", "10.1.10.2"
REALS = {ONE: 1, TWO: 1}
SPEC = Spec({HTTP: REALS, DNS: REALS, SIX: {"2001:db8:1::1": 1}}, lifetime=600)


class Clock:
    ns = 1000 * SECOND

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plane(clock: Clock) -> Dataplane:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=0)
    made.apply(document(SPEC))
    return made


def put(plane: Dataplane, key: ServiceKey, address: str, numbers: range, last_ns: int) -> None:
    """Sessions of a real, as the program writes them."""
    service = plane.state.services[key]
    real = service.reals[address]
    values = np.zeros(len(numbers), SESSION)
    values["last_ns"], values["real"], values["real_id"] = last_ns, service.block.base + real.index, real.id
    plane.maps.tables["sessions"].write(np.array(numbers, "<u8"), values)


def left(plane: Dataplane) -> int:
    return len(plane.maps.tables["sessions"].read()[0])


def test_sessions_are_counted_by_real(plane: Dataplane, clock: Clock) -> None:
    put(plane, KEY, ONE, range(30), clock.ns)
    put(plane, KEY, TWO, range(30, 35), clock.ns)
    put(plane, DNS_KEY, ONE, range(35, 42), clock.ns)
    plane.tick(clock.ns)
    six = (ServiceKey("2001:db8::1", 80, "tcp"), "2001:db8:1::1")
    expected = {(KEY, ONE): 30, (KEY, TWO): 5, (DNS_KEY, ONE): 7, (DNS_KEY, TWO): 0, six: 0}
    assert plane.sessions() == expected
    assert plane.sessions([DNS_KEY]) == {(DNS_KEY, ONE): 7, (DNS_KEY, TWO): 0}
    snapshot = plane.snapshot().services[HTTP]
    assert (snapshot.sessions, snapshot.reals[ONE].sessions) == (35, 30)


def test_idle_and_ended_sessions_go(plane: Dataplane, clock: Clock) -> None:
    """An entry without a real's id is one that ended: it stays a moment, and counts for nobody."""
    begin = clock.ns
    put(plane, KEY, ONE, range(10), begin)
    put(plane, DNS_KEY, ONE, range(10, 20), begin)
    ended = np.zeros(1, SESSION)
    ended["last_ns"], ended["real"] = begin, plane.state.services[KEY].block.base
    plane.maps.tables["sessions"].write(np.array([99], "<u8"), ended)
    counts = []
    for seconds in (1, 3, 29, 31, 599, 601):
        clock.ns = begin + seconds * SECOND
        plane.tick(clock.ns)
        counts.append((plane.sessions()[KEY, ONE], plane.sessions()[DNS_KEY, ONE], left(plane)))
    assert counts == [(10, 10, 21), (10, 10, 20), (10, 10, 20), (10, 0, 10), (10, 0, 10), (0, 0, 0)]


def test_sessions_of_a_block_that_moved_are_found(plane: Dataplane, clock: Clock) -> None:
    put(plane, KEY, TWO, range(9), clock.ns)
    more = {f"10.1.10.{n}": 1 for n in range(1, 30)}
    before = plane.state.services[KEY].block
    plane.apply(document(Spec({HTTP: more})))
    assert plane.state.services[KEY].block != before
    clock.ns += 2 * SECOND
    plane.tick(clock.ns)
    assert plane.sessions()[KEY, TWO] == 9


def packets(plane: Dataplane, timed: int, ns: int = 0) -> None:
    store = plane.maps._store
    assert isinstance(store, MemoryStore)
    store.counts["timings"]["packets"] += np.uint64(timed)
    store.counts["timings"]["ns"] += np.uint64(ns)


def mask(plane: Dataplane) -> int:
    return int(plane.maps.control["session_mask"][0])


def run(plane: Dataplane, clock: Clock, seconds: int, a_second: int) -> None:
    """So many packets a second go by; one jiffy of 1024 is timed."""
    for _ in range(seconds):
        clock.ns += SECOND
        packets(plane, a_second // 1024)
        plane.tick(clock.ns)


def test_the_more_packets_the_fewer_flows_are_sampled(plane: Dataplane, clock: Clock) -> None:
    assert mask(plane) == 0
    run(plane, clock, 20, 19_000)
    assert mask(plane) == 0
    run(plane, clock, 30, 1_500_000)
    assert mask(plane) == (1 << 7) - 1, "1.5 million a second and CPU, divided by 128: less than 20,000"
    run(plane, clock, 30, 1_000_000)
    assert mask(plane) == (1 << 7) - 1, "half of it would be too much as soon as traffic grows again"
    run(plane, clock, 40, 1000)
    assert mask(plane) == 0
    assert plane.timings().packets == pytest.approx(1000, abs=1024)


def test_a_sample_stands_for_all(plane: Dataplane, clock: Clock) -> None:
    plane.set_session_bits(3)
    assert mask(plane) == 7
    clock.ns += SECOND
    put(plane, KEY, ONE, range(5), clock.ns)
    plane.tick(clock.ns)
    assert plane.sessions()[KEY, ONE] == 40
    run(plane, clock, 20, 3_000_000)
    assert mask(plane) == 7, "it was given"
    plane.set_session_bits(None)
    run(plane, clock, 20, 3_000_000)
    assert mask(plane) == 255


def test_entries_from_before_a_wider_sample_keep_their_weight(plane: Dataplane, clock: Clock) -> None:
    plane.set_session_bits(3)
    put(plane, KEY, ONE, range(5), clock.ns)
    clock.ns += SECOND
    plane.set_session_bits(0)
    put(plane, KEY, ONE, range(5, 105), clock.ns)
    clock.ns += SECOND
    plane.tick(clock.ns)
    assert plane.sessions()[KEY, ONE] == 5 * 8 + 100


def test_entries_from_before_a_narrower_sample_go(plane: Dataplane, clock: Clock) -> None:
    """Which of them are still in it cannot be told; those that are come again with their next packet."""
    put(plane, KEY, ONE, range(100), clock.ns)
    clock.ns += SECOND
    plane.set_session_bits(2)
    put(plane, KEY, ONE, range(25), clock.ns)
    clock.ns += SECOND
    plane.tick(clock.ns)
    assert (plane.sessions()[KEY, ONE], left(plane)) == (100, 25)


def test_a_crowded_table_is_thinned(plane: Dataplane, clock: Clock) -> None:
    put(plane, KEY, ONE, range(3000), clock.ns)
    plane.tick(clock.ns)
    clock.ns += SECOND
    plane.tick(clock.ns)
    assert mask(plane) == 1


def test_the_mask_is_known_after_a_restart(plane: Dataplane, clock: Clock) -> None:
    plane.set_session_bits(4)
    again = Dataplane(plane.maps, clock=clock)
    put(again, KEY, ONE, range(2), clock.ns)
    again.tick(clock.ns)
    assert again.sessions()[KEY, ONE] == 32


@pytest.mark.parametrize("bits", [-1, 32])
def test_bits_that_cannot_be(plane: Dataplane, bits: int) -> None:
    with pytest.raises(Vc5Error, match=r"one flow in 2\^"):
        plane.set_session_bits(bits)


def test_time_per_packet(plane: Dataplane, clock: Clock) -> None:
    assert plane.timings().ns is None
    plane.tick(clock.ns)
    clock.ns += SECOND
    packets(plane, 100, 2500)
    plane.tick(clock.ns)
    assert plane.timings().ns == 25
    assert plane.snapshot().packet_ns == 25
    for _ in range(20):  # nothing more: the last seconds have nothing to say
        clock.ns += SECOND
        plane.tick(clock.ns)
    assert plane.timings().ns is None


def test_prefixes(plane: Dataplane) -> None:
    plane.maps.prefixes4[(10 << 24 | 1 << 16) >> 12] = 7
    plane.maps.tables["prefixes6"].write(np.array([0x20010DB80001], "<u8"), np.array([9], "<u8"))
    prefixes = plane.prefixes()
    assert np.flatnonzero(prefixes.v4).tolist() == [0x0A010]
    assert prefixes.v6 == {0x20010DB80001: 9}
    plane.maps.prefixes4[5] = 1
    assert not prefixes.v4[5], "a copy"
