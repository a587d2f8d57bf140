"""The tracing program: it decides as the other does, and tells each decision about the packets asked for."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vc5d.xdp.layout import TRACE_COUNT, TRACE_EVENT, TRACE_FILTER, Reason, TraceLimits, TraceStep
from vc5d.xdp.libbpf import SAMPLE_CALLBACK, check, library

from .kernel import Kernel, one_cpu
from .model import ACCEPTING, DOWN, DROP, TRANSITION, TX, First, Real, Service
from .packets import V4, V6, Family, ethernet, tcp
from .pair import FamilyPair

pytestmark = pytest.mark.bpf

SNAP = 256


class Ring:
    """What the program has told, in order."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._events = kernel, list[Any]()
        self._keep = SAMPLE_CALLBACK(self._take)
        self._lib = library()
        self._ring = self._lib.ring_buffer__new(kernel.maps["trace_events"].fd, self._keep, None, None)

    def _take(self, _context: int, data: int, size: int) -> int:
        self._events.append(np.frombuffer(ctypes.string_at(data, size), TRACE_EVENT)[0])
        return 0

    def filter(self, number: int = 0, **fields: object) -> None:
        wanted = np.zeros(1, TRACE_FILTER)
        for name, value in ({"active": 1} | fields).items():
            wanted[name] = np.frombuffer(value, "u1") if isinstance(value, bytes) else value
        self._kernel.maps["trace_counts"].write_percpu(number, bytes(TRACE_COUNT.itemsize))
        self._kernel.maps["trace_filters"].update(struct.pack("<I", number), wanted.tobytes())

    def take(self) -> list[Any]:
        self._events.clear()
        check(self._lib.ring_buffer__consume(self._ring), "the ring cannot be read")
        return list(self._events)

    def counts(self) -> Any:
        """By filter: matched, limited, lost."""
        found = self._kernel.maps["trace_counts"].read_percpu(TRACE_COUNT)
        columns = [found[name].sum(axis=1).astype(int) for name in ("matched", "limited", "lost")]
        return np.stack(columns, axis=1)

    def close(self) -> None:
        for number in range(TraceLimits.TRACERS):
            self.filter(number, active=0)
        self._lib.ring_buffer__free(self._ring)


@pytest.fixture(scope="module")
def tracing(bpf_object: Path, kernel: Kernel) -> Iterator[Kernel]:
    loaded = Kernel(bpf_object, {"trace_events": 1 << 20}, tracing=True)
    yield loaded
    loaded.close()


@pytest.fixture(params=[V4, V6], ids=["IPv4", "IPv6"])
def both(tracing: Kernel, request: pytest.FixtureRequest) -> FamilyPair:
    pair = FamilyPair(tracing, one_cpu())
    pair.family = request.param
    return pair


@pytest.fixture
def ring(tracing: Kernel) -> Iterator[Ring]:
    opened = Ring(tracing)
    opened.filter()
    yield opened
    opened.close()


def service(*states: int, **more: Any) -> Service:
    reals = [Real(10 + i, mac=bytes([2, 0, 0, 0, 0, i]), state=state) for i, state in enumerate(states)]
    return Service(V4.vip, 80, 6, reals, [0] * 31, **more)


def mapped(family: Family, address: bytes) -> bytes:
    return address if family.version == 6 else bytes(10) + b"\xff\xff" + address


def told(event: Any) -> list[tuple[str, int]]:
    return [
        (TraceStep(int(note["step"])).name, int(note["value"])) for note in event["note"][: event["notes"]]
    ]


def steps(event: Any) -> list[str]:
    return [name for name, _value in told(event)]


def test_the_fast_path(both: FamilyPair, ring: Ring) -> None:
    """Steps, flow, bytes before and after."""
    both.begin(service(ACCEPTING))
    frame = both.family.tcp(sport=1234)
    outcome = both.send(frame)
    (event,) = ring.take()
    assert steps(event) == ["SERVICE", "HASH", "SLOT", "OWNER", "FAST", "REAL", "LINK"]
    assert (event["verdict"], event["forwarded"], event["protocol"]) == (TX, 1, 6)
    assert (event["sport_be"], event["dport_be"]) == (1234, 80)
    at = 26 if both.family.version == 4 else 22
    size = 4 if both.family.version == 4 else 16
    assert event["saddr"].tobytes() == mapped(both.family, frame[at : at + size])
    assert event["daddr"].tobytes() == mapped(both.family, frame[at + size : at + 2 * size])
    assert event["before"][: event["snap_before"]].tobytes() == frame[:SNAP]
    assert event["after"][: event["snap_after"]].tobytes() == outcome.frame[:SNAP]
    assert (event["length_before"], event["length_after"]) == (len(frame), len(outcome.frame))


def test_tracking(both: FamilyPair, ring: Ring) -> None:
    """A new flow away from its owner, its next packet, and a flow of the previous owner."""
    web = service(DOWN, ACCEPTING)
    web.table = [i % 2 for i in range(31)]
    both.begin(web)
    away = next(
        sport for sport in range(1000, 2000) if "ROW" in (both.tcp("S", sport), steps(ring.take()[-1]))[1]
    )
    both.begin(web)
    both.tcp("S", away)
    event = ring.take()[-1]
    assert [(name, value) for name, value in told(event) if name in ("ROW", "STORED", "REAL")] == [
        ("ROW", 3),
        ("STORED", 1),
        ("REAL", 2),
    ]
    assert "PROBE" in steps(event)
    both.tcp("A", away)
    assert [(name, value) for name, value in told(ring.take()[-1]) if name in ("ENTRY", "ROW", "STORED")] == [
        ("ENTRY", 2 << 8 | 1),
        ("ROW", 1),
        ("STORED", 0),
    ]
    web = service(ACCEPTING, ACCEPTING, slots=[TRANSITION] * 31, first=First([1] * 31, 0))
    both.begin(web)
    both.tcp("A")
    names = told(ring.take()[-1])
    assert ("PREVIOUS_OWNER", 2 << 8 | ACCEPTING) in names
    assert ("ROW", 5) in names


def test_what_is_not_forwarded(both: FamilyPair, ring: Ring) -> None:
    both.begin(service(ACCEPTING))
    both.tcp(dport=81)
    (event,) = ring.take()
    assert told(event)[-1] == ("REASON", Reason.DROP_UNKNOWN_PORT)
    assert event["forwarded"] == 0
    ring.filter(verdicts=1 << DROP)
    both.tcp()
    assert ring.take() == []
    both.tcp(dport=81)
    assert len(ring.take()) == 1


def test_an_error_is_of_the_flow_inside(both: FamilyPair, ring: Ring) -> None:
    both.begin(service(ACCEPTING))
    ring.filter(dport_be=80, sport_be=40000, protocol=6)
    both.error(tcp(80, 40000))
    (event,) = ring.take()
    assert told(event)[0] == ("ICMP_ERROR", 6)
    both.error(tcp(80, 40001))
    assert ring.take() == []


def test_any_port(both: FamilyPair, ring: Ring) -> None:
    anything = service(ACCEPTING)
    anything.port = 0
    both.begin(anything)
    both.tcp()
    assert steps(ring.take()[-1])[0] == "ANY_PORT"


def test_filters(both: FamilyPair, ring: Ring) -> None:
    both.begin(service(ACCEPTING))
    both.tcp(sport=7)
    (event,) = ring.take()
    every, other = bytes([255] * 16), bytes([1] * 16)
    mine = event["saddr"].tobytes()
    for wanted, count in (
        ({"saddr": mine, "saddr_mask": every}, 1),
        ({"saddr": other, "saddr_mask": every}, 0),
        ({"saddr": other}, 1),
        ({"daddr": event["daddr"].tobytes(), "daddr_mask": every}, 1),
        ({"daddr": other, "daddr_mask": every}, 0),
        ({"sport_be": 7}, 1),
        ({"sport_be": 8}, 0),
        ({"dport_be": 81}, 0),
        ({"protocol": 17}, 0),
    ):
        ring.filter(**wanted)
        both.tcp(sport=7)
        assert len(ring.take()) == count, wanted


def test_snap_and_limit(both: FamilyPair, ring: Ring) -> None:
    both.begin(service(ACCEPTING))
    both.send(ethernet(both.family.ip(tcp(1, 80, payload=bytes(400)))))
    (event,) = ring.take()
    assert (event["snap_before"], event["snap_after"]) == (SNAP, SNAP)
    ring.filter(limit=3)
    for _ in range(10):
        both.tcp()
    assert 3 <= len(ring.take()) <= 6  # a second may have ended meanwhile


def test_filters_beside_each_other(both: FamilyPair, ring: Ring) -> None:
    """Each tracer's bit, its own limit, and counts of what it was not told of."""
    both.begin(service(ACCEPTING))
    ring.filter(active=0)
    both.tcp()
    assert ring.take() == []
    ring.filter(2, sport_be=7)
    ring.filter(3, limit=1)
    for sport in (7, 8, 7):
        both.tcp(sport=sport)
    assert [int(event["filters"]) for event in ring.take()] == [1 << 2 | 1 << 3, 1 << 2]
    assert [tuple(each) for each in ring.counts()] == [(0, 0, 0), (0, 0, 0), (2, 0, 0), (3, 2, 0)]


def test_what_nobody_reads_is_counted(both: FamilyPair, ring: Ring) -> None:
    both.begin(service(ACCEPTING))
    for _ in range(1500):  # more than the ring has room for
        both.tcp()
    matched, limited, lost = ring.counts()[0]
    assert (matched, limited) == (1500, 0)
    assert lost == 1500 - len(ring.take()) > 0


def test_notes_have_an_end(both: FamilyPair, ring: Ring) -> None:
    """More steps than fit: the first ones are told."""
    web = service(*[DOWN] * 3, ACCEPTING, track="full", leastconn=True)
    web.table = [i % 4 for i in range(31)]
    both.begin(web)
    for sport in range(200):
        both.tcp("S", sport)
    assert max(int(event["notes"]) for event in ring.take()) <= TRACE_EVENT["note"].shape[0]
