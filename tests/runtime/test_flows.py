"""Flow tables as arrays, against the same sums in plain integers."""

from __future__ import annotations

import socket
import struct

import numpy as np
import pytest
from support.documents import Spec, document, fmix64, word
from support.packets import DataPath, Flow
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.hashing import fmix64 as fmix64_array
from vc5d.hashing import slot_index
from vc5d.xdp.flows import Flows, Needs
from vc5d.xdp.layout import FLOW, FLOW_KEY4, FLOW_KEY6
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(64, 64, 8, 256, 128, 16, 32, 1024, 1024)
HTTP, DNS = "192.168.101.1:80:tcp", "192.168.101.1:53:udp"
SIX, ANY, ANY6 = "2001:db8::1:80:tcp", "192.168.101.1:0:tcp", "2001:db8::1:0:tcp"
SIX_REALS = [f"2001:db8:1::{n}" for n in range(1, 7)]
REALS = [f"10.1.10.{n}" for n in range(1, 7)]


def keys(flows: list[Flow]) -> np.ndarray:
    return np.frombuffer(
        b"".join(flow.key for flow in flows), FLOW_KEY4 if flows[0].family == 4 else FLOW_KEY6
    )


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
    flows = Flows("flows4_udp", keys([Flow("10.99.0.1", 5, DNS)]), np.zeros(1, FLOW))
    assert flows.service_words().tolist() == [word("192.168.101.1", 53, 17)]
    assert flows.service_words(any_port=True).tolist() == [word("192.168.101.1", 0, 17)]
    six = Flow("2001:db8:9::1", 5, "2001:db8::1:53:udp")
    flows = Flows("flows6_syn", keys([six]), np.zeros(1, FLOW))
    assert flows.service_words().tolist() == [word("2001:db8::1", 53, 6)]
    assert flows.service_words(any_port=True).tolist() == [word("2001:db8::1", 0, 6)]


def test_idle_is_longer_than_the_lifetime() -> None:
    values = np.zeros(4, FLOW)
    values["last_ns"] = [0, 39, 40, 200]  # the last one was met after "now"
    assert Flows("flows4_tcp", np.zeros(4, FLOW_KEY4), values).idle(100, 60).tolist() == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("served", "called", "dport"),
    [(HTTP, HTTP, 0), (SIX, SIX, 0), (ANY, ANY, 8080), (ANY6, ANY6, 8080)],
    ids=["ipv4", "ipv6", "any port", "any port ipv6"],
)
def test_what_entries_need(served: str, called: str, dport: int) -> None:
    maps = Maps.in_memory(CAPACITY)
    plane = Dataplane(maps)
    reals = SIX_REALS if served.count(":") > 2 else REALS
    others = {HTTP: REALS[:2], SIX: SIX_REALS[:2], served: reals}
    plane.apply(document(Spec({name: dict.fromkeys(some, 1) for name, some in others.items()})))
    path = DataPath(maps)
    address, port, _ = served.rsplit(":", 2)
    service = plane.state.services[ServiceKey(address, int(port), "tcp")]
    client = "2001:db8:9::1" if ":" in address else "10.99.0.1"
    flows = [Flow(client, 1024 + n, called, dport) for n in range(20)]
    stranger = Flow(client, 1, "2001:db8::9:80:tcp" if ":" in address else "192.168.101.9:80:tcp")
    values, expected_slots, expected_owners = [], set(), set()
    for number, flow in enumerate([*flows, stranger]):
        upper = path.hash(flow, 0) >> 32
        slot = upper * 61 >> 32
        owner, _ = path.slot(service.lines.line, slot)
        real = owner if number % 2 else (owner + 1) % len(reals)
        entry = maps.reals[service.block.base + real]
        values.append(struct.pack("<QIIII", 7, upper, int(entry["id"]), real, 0))
        if number % 2 == 0 and flow is not stranger:
            expected_slots.add(service.lines.start + slot)
            expected_owners.add(service.block.base + owner)
    name = f"flows{flows[0].family}_tcp"
    table = Flows(name, keys([*flows, stranger]), np.frombuffer(b"".join(values), FLOW))
    seen = Needs(maps, plane.state)
    seen.add(table)
    seen.add(Flows("flows4_udp", np.zeros(0, FLOW_KEY4), np.zeros(0, FLOW)))
    assert set(np.flatnonzero(seen.slots).tolist()) == expected_slots
    assert set(np.flatnonzero(seen.owners).tolist()) == expected_owners
    assert seen.real_ids == set(table.values["real_id"].tolist())


def test_a_port_of_its_own_comes_before_any_port() -> None:
    """The flow's slot is one of the specific service's table."""
    maps = Maps.in_memory(CAPACITY)
    plane = Dataplane(maps)
    plane.apply(
        document(Spec({HTTP: dict.fromkeys(REALS, 1), ANY: dict.fromkeys(REALS, 1)}, sizes={ANY: 127}))
    )
    seen = Needs(maps, plane.state)
    seen.add(Flows("flows4_tcp", keys([Flow("10.99.0.1", 1, HTTP)]), np.ones(1, FLOW)))
    (slot,) = np.flatnonzero(seen.slots)
    lines = plane.state.services[ServiceKey("192.168.101.1", 80, "tcp")].lines
    assert lines.start <= slot < lines.start + lines.size


def test_without_services_nothing_is_needed() -> None:
    maps = Maps.in_memory(CAPACITY)
    seen = Needs(maps, Dataplane(maps).state)
    seen.add(Flows("flows4_tcp", keys([Flow("10.99.0.1", 1, HTTP)]), np.ones(1, FLOW)))
    assert not seen.slots.any()
    assert socket.htons(1) == 256  # these tests, like the hashes, are for little-endian machines


def test_filters_are_those_of_the_design() -> None:
    path = DataPath(Maps.in_memory(CAPACITY))
    plane = Dataplane(path.maps)
    plane.apply(document(Spec({HTTP: {REALS[0]: 1}, SIX: {SIX_REALS[0]: 1}})))
    assert path._may_be_vip("192.168.101.1")
    assert path._may_be_vip("2001:db8::1")
    assert not path._may_be_vip("192.168.101.2")
    assert not path._may_be_vip("2001:db8::2")
