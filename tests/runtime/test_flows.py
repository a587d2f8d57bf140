"""Flow tables as arrays, against the same sums in plain integers."""

from __future__ import annotations

import socket
import struct

import numpy as np
from support.documents import Spec, document, fmix64, word
from support.packets import DataPath, Flow
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.flows import Flows, needs
from vc5d.hashing import fmix64 as fmix64_array
from vc5d.hashing import slot_index
from vc5d.layout import FLOW, FLOW_KEY4
from vc5d.maps import Capacity, Maps

CAPACITY = Capacity(64, 4, 256, 128, 16, 32, 1024)
HTTP, DNS = "192.168.101.1:80:tcp", "192.168.101.1:53:udp"
REALS = [f"10.1.10.{n}" for n in range(1, 7)]


def keys(flows: list[Flow]) -> np.ndarray:
    return np.frombuffer(b"".join(flow.key for flow in flows), FLOW_KEY4)


def test_hashes_are_those_of_the_document() -> None:
    path = DataPath(Maps.in_memory(CAPACITY))
    flows = [Flow(f"10.99.{n}.7", 1024 + 97 * n, HTTP) for n in range(50)]
    for seed in (0, 1 << 63 | 12345):
        expected = [path.hash(flow, seed) for flow in flows]
        slots = slot_index(np.array(expected, np.uint64) >> np.uint64(32), 16381)
        assert slots.tolist() == [(h >> 32) * 16381 >> 32 for h in expected]
    numbers = [0, 1, 1 << 63, (1 << 64) - 1]
    assert fmix64_array(np.array(numbers, np.uint64)).tolist() == [fmix64(n) for n in numbers]


def test_words_of_services() -> None:
    flows = Flows("udp", keys([Flow("10.99.0.1", 5, DNS)]), np.zeros(1, FLOW))
    assert flows.service_words().tolist() == [word("192.168.101.1", 53, 17)]


def test_idle_is_longer_than_the_lifetime() -> None:
    values = np.zeros(4, FLOW)
    values["last_ns"] = [0, 39, 40, 200]  # the last one was met after "now"
    assert Flows("tcp", np.zeros(4, FLOW_KEY4), values).idle(100, 60).tolist() == [True, True, False, False]


def test_what_entries_need() -> None:
    maps = Maps.in_memory(CAPACITY)
    plane = Dataplane(maps)
    plane.apply(document(Spec({HTTP: dict.fromkeys(REALS, 1), DNS: dict.fromkeys(REALS[:2], 1)})))
    path = DataPath(maps)
    service = plane.state.services[ServiceKey("192.168.101.1", 80, "tcp")]
    flows = [Flow("10.99.0.1", 1024 + n, HTTP) for n in range(20)]
    stranger = Flow("10.99.0.1", 1, "192.168.101.9:80:tcp")
    values, expected_slots, expected_owners = [], set(), set()
    for number, flow in enumerate([*flows, stranger]):
        upper = path.hash(flow, 0) >> 32
        slot = upper * 61 >> 32
        owner, _ = path.slot(service.lines.line, slot)
        real = owner if number % 2 else (owner + 1) % len(REALS)
        entry = maps.reals[service.block.base + real]
        values.append(struct.pack("<QIIII", 7, upper, int(entry["id"]), real, 0))
        if number % 2 == 0 and flow is not stranger:
            expected_slots.add(service.lines.start + slot)
            expected_owners.add(service.block.base + owner)
    table = Flows("tcp", keys([*flows, stranger]), np.frombuffer(b"".join(values), FLOW))
    empty = Flows("udp", np.zeros(0, FLOW_KEY4), np.zeros(0, FLOW))
    seen = needs(maps, plane.state, [table, empty])
    assert set(np.flatnonzero(seen.slots).tolist()) == expected_slots
    assert set(np.flatnonzero(seen.owners).tolist()) == expected_owners
    assert seen.real_ids == set(table.values["real_id"].tolist())


def test_without_services_nothing_is_needed() -> None:
    maps = Maps.in_memory(CAPACITY)
    table = Flows("tcp", keys([Flow("10.99.0.1", 1, HTTP)]), np.ones(1, FLOW))
    assert not needs(maps, Dataplane(maps).state, [table]).slots.any()
    assert socket.htons(1) == 256  # these tests, like the hashes, are for little-endian machines
