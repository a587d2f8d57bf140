"""What is sampled: sessions, source prefixes, time. `send` compares what each packet counts for."""

from __future__ import annotations

import time

import pytest
from vc5d.xdp.layout import TIMING

from .model import DOWN, UDP, Real, Service
from .packets import V4, ethernet, tcp
from .pair import FamilyPair, Pair, clock

pytestmark = pytest.mark.bpf


def service(port: int = 80, protocol: int = 6, reals: int = 2, **more: object) -> Service:
    made = [Real(port + i, mac=bytes([2, 0, 0, 0, 1, i])) for i in range(reals)]
    return Service(V4.vip, port, protocol, made, [i % reals for i in range(31)], **more)  # type: ignore[arg-type]


def living(both: FamilyPair) -> int:
    """Sessions that have not ended, in both."""
    both.same_state()
    return sum(kept.real_id != 0 for kept in both.balancer.sessions.kept.values())


# -- sessions --------------------------------------------------------------------------------------


def test_session_of_tcp(both: FamilyPair) -> None:
    """From the first packet after the SYN until FIN or RST."""
    for end in ("FA", "R", "RA"):
        both.begin(service(), session_mask=0)
        got = []
        for flags in ("S", "A", "A", end, "A", "S", "A"):
            both.tcp(flags)
            got.append(living(both))
        assert got == [0, 1, 1, 0, 0, 0, 0]
        both.age(1.2)
        both.tcp("A")
        assert living(both) == 1


def test_end_of_an_unknown_session(both: FamilyPair) -> None:
    both.begin(service(), session_mask=0)
    both.tcp("FA")
    assert (living(both), both.balancer.sessions.kept) == (0, {})


def test_session_of_udp(both: FamilyPair) -> None:
    both.begin(service(53, UDP, track="full"), session_mask=0)
    for sport in range(5):
        both.udp(sport)
        both.udp(sport)
    assert living(both) == 5


@pytest.mark.parametrize("mask", [0, 1, 3, 0xFF, 0xF0000000, 0x80000000])
def test_mask(both: FamilyPair, mask: int) -> None:
    both.begin(service(), session_mask=mask)
    for sport in range(300):
        both.tcp("A", sport)
    part = 300 >> mask.bit_count()
    assert part * 0.4 - 2 <= living(both) <= part * 1.6 + 6


def test_no_sessions(both: FamilyPair) -> None:
    both.begin(service())
    for sport in range(50):
        both.tcp("A", sport)
    assert living(both) == 0


def test_real_change(both: FamilyPair) -> None:
    """Written at once when the flow's real is another."""
    web = service()
    both.begin(web, session_mask=0)
    both.tcp("A")
    (before,) = both.balancer.sessions.kept.values()
    web.reals[before.place[1]].state = DOWN
    both.sync()
    both.tcp("A")
    (after,) = both.balancer.sessions.kept.values()
    assert after.place != before.place
    assert living(both) == 1
    web.reals[after.place[1]].id = 999
    both.sync()
    both.tcp("A")
    assert living(both) == 1


def test_written_once_a_second(both: FamilyPair) -> None:
    both.begin(service(), session_mask=0)
    both.tcp("A")
    both.age(0.5)
    both.tcp("A")
    (kept,) = both.balancer.sessions.kept.values()
    assert clock() - kept.time > 0.4e9
    both.same_state()
    both.age(0.7)
    both.tcp("A")
    (kept,) = both.balancer.sessions.kept.values()
    assert clock() - kept.time < 0.3e9
    both.same_state()


def test_sticky_sessions_are_told_apart(both: FamilyPair) -> None:
    """One hash for all flows of a source, but a session each."""
    both.begin(service(sticky=True), service(443, sticky=True), session_mask=0)
    for sport in range(10):
        both.tcp("A", sport)
        both.tcp("A", sport, dport=443)
    assert living(both) == 20


def test_only_forwarded_packets(both: FamilyPair) -> None:
    web = service(reals=1)
    web.reals[0].mac = None
    both.begin(web, session_mask=0)
    both.tcp("A")
    both.error(tcp(80, 5))
    assert living(both) == 0
    web.reals[0].mac = V4_MAC
    both.sync()
    both.error(tcp(80, 5))
    both.send(ethernet(both.family.ip(tcp(1, 80)), dst=V4_MAC))
    assert living(both) == 0
    both.fragment(tcp(9, 80, "A", bytes(12)), more=True, id=3)
    both.fragment(bytes(8), offset=32, id=3)
    assert living(both) == 1


V4_MAC = bytes.fromhex("020000000177")


# -- prefixes --------------------------------------------------------------------------------------


def test_every_64th_packet(both: FamilyPair) -> None:
    """The real's 64th, 128th, … counts for its source."""
    both.begin(service(reals=1))
    sources = ["10.99.15.255", "10.99.16.0", "255.255.255.255", "0.0.0.1"]
    if both.family.version == 6:
        sources = ["2001:db8:99:ffff::1", "2001:db8:9a::", "ffff:ffff:ffff:ffff::1", "::1"]
    for n, source in enumerate(sources, 1):
        for _ in range(64 * n):
            both.tcp(src=source)
        both.same_state()
    prefixes = both.balancer.prefixes
    assert sum((prefixes.four | prefixes.six).values()) == 10
    assert set((prefixes.four | prefixes.six).values()) == {1, 2, 3, 4}


def test_per_real(both: FamilyPair) -> None:
    both.begin(service(reals=2))
    for sport in range(200):
        both.tcp(sport=sport)
    both.same_state()
    assert sum((both.balancer.prefixes.four | both.balancer.prefixes.six).values()) == 2


def test_errors_and_fragments_count_for_their_own_source(both: FamilyPair) -> None:
    both.begin(service(reals=1))
    for _ in range(63):
        both.tcp()
    both.error(tcp(80, 40000))
    both.same_state()
    for _ in range(62):
        both.tcp()
    both.fragment(tcp(1, 80, "A", bytes(12)), more=True)
    both.same_state()
    both.fragment(bytes(8), offset=32)
    both.same_state()


def test_dropped_packets_do_not_count(both: FamilyPair) -> None:
    web = service(reals=1)
    both.begin(web)
    web.reals[0].mac = None
    both.sync()
    for _ in range(70):
        both.tcp()
    both.same_state()


# -- time ------------------------------------------------------------------------------------------


def test_some_packets_are_timed(pair: Pair) -> None:
    """One jiffy in 1,024: within five seconds at 250 Hz, eleven at 100."""
    pair.start(service())
    before = _timings(pair)
    frame, end = V4.tcp(), time.monotonic() + 30
    while _timings(pair) == before and time.monotonic() < end:
        for _ in range(200):
            pair.kernel.run(frame)
    packets, nanoseconds = (after - was for after, was in zip(_timings(pair), before, strict=True))
    assert packets > 0
    assert 1 <= nanoseconds / packets < 1e6


def _timings(pair: Pair) -> tuple[int, int]:
    values = pair.kernel.maps["timings"].read_percpu(TIMING)
    return int(values["packets"].sum()), int(values["ns"].sum())
