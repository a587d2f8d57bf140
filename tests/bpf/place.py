"""Puts a model's state straight into maps, and reads flows back: what vc5d's generation does, in small.

Lays everything out anew each time in the half that `live` says; nothing here is atomic.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import numpy as np
import pytest
from vc5d.layout import FLOW, FLOW_KEY4, SERVICE4
from vc5d.maps import Capacity, Maps
from vc5d.slots import SLOTS_PER_LINE

from .model import WORD, Balancer, Entry, FlowKey, Real, Service, fmix64, word4

CAPACITY = Capacity(
    positions4=32,
    displacement_lines4=1,
    slots_lines=256,
    reals=256,
    services=16,
    accepting_lines=32,
    flows=4096,
)
LIST_LINES = 4
BUCKETS = SLOTS_PER_LINE
FLAGS = {"needed": 0, "full": 2, "minimal": 4}
VIP_FLAG = 1


def base(balancer: Balancer, number: int) -> int:
    """The first index of a service's block in `reals`."""
    return 1 + sum(len(service.reals) for service in balancer.services[:number])


def find_displacements(words: list[int], salt: int, size: int) -> tuple[list[int], dict[int, int]]:
    """A perfect hash by trial: displacements, and each word's position."""
    buckets: dict[int, list[int]] = {}
    for word in words:
        buckets.setdefault(fmix64((word + salt) & WORD) & (BUCKETS - 1), []).append(word)
    displacements, taken = [0] * BUCKETS, dict[int, int]()
    for bucket, members in sorted(buckets.items(), key=lambda item: -len(item[1])):
        for tried in range(1 << 16):
            at = [position(word, salt, tried, size) for word in members]
            if len(set(at)) == len(at) and not set(at) & set(taken.values()):
                displacements[bucket] = tried
                taken.update(zip(members, at, strict=True))
                break
        else:
            raise AssertionError("no perfect hash: too many services for the capacity")
    return displacements, taken


def position(word: int, salt: int, displacement: int, size: int) -> int:
    k = fmix64((word + salt) & WORD)
    return ((k >> 20) + displacement * ((k >> 42) | 1)) & (size - 1)


def link_word(real: Real) -> int:
    """MAC in bytes 0 to 5, VLAN id in network order behind it; a MAC of zeros is none."""
    return int.from_bytes((real.mac or bytes(6)) + struct.pack("!H", real.vlan), "little")


def place(balancer: Balancer, maps: Maps, half: int = 0) -> None:
    """Everything but the flows."""
    generation = maps.control["generation"][0, half]
    generation["seed"] = balancer.seed
    generation["flow_lifetime_ns"] = int(balancer.lifetime * 1e9)
    generation["index4_salt"] = balancer.salt
    generation["index4_buckets"] = BUCKETS if balancer.services else 0
    generation["index4_size"] = maps.capacity.positions4 if balancer.services else 0
    generation["displacements4_line"] = half * maps.capacity.displacement_lines4
    generation["services4_base"] = half * maps.capacity.positions4
    maps.reals[:] = np.zeros((), maps.reals.dtype)
    _place_index(balancer, maps, half)
    line = 0
    for number, service in enumerate(balancer.services):
        _place_reals(service, number, base(balancer, number), maps)
        if service.first:
            line = _place_table(maps, line, service.first[0], [0] * len(service.first[0]))
        line = _place_table(maps, line, service.table, service.slots)
    maps.control["live"] = half + 1 if balancer.live else 0


def _place_index(balancer: Balancer, maps: Maps, half: int) -> None:
    capacity = maps.capacity
    records = np.zeros(capacity.positions4, SERVICE4)
    keys: dict[int, tuple[bytes, int, int, int | None]] = {}
    for number, service in enumerate(balancer.services):
        address = socket.inet_aton(service.address)
        keys[word4(address, service.port, service.protocol)] = (
            address,
            service.port,
            service.protocol,
            number,
        )
        keys[word4(address, 0, 0)] = (address, 0, 0, None)
    displacements, positions = find_displacements(list(keys), balancer.salt, capacity.positions4)
    lines = _table_lines(balancer)
    for word, (address, port, protocol, number) in keys.items():
        record = records[positions[word]]
        record["key"] = (int.from_bytes(address, "big"), port, protocol, 0)
        if number is None:
            record["service"]["flags"] = VIP_FLAG
        else:
            service = record["service"]
            _fill_service(service, balancer.services[number], *lines[number])
            service["id"], service["reals_base"] = number, base(balancer, number)
    begin = half * capacity.displacement_lines4 * SLOTS_PER_LINE
    maps.displacements4[begin : begin + BUCKETS] = displacements
    maps.services4[half * capacity.positions4 : (half + 1) * capacity.positions4] = records


def _fill_service(record: Any, service: Service, first_line: int, line: int) -> None:
    record["flags"] = FLAGS[service.track]
    record["slots_line"], record["table_size"] = line, len(service.table)
    if service.first:
        record["first_line"], record["first_size"] = first_line, len(service.first[0])
        record["first_seed"] = service.first[1]


def _lines(slots: int) -> int:
    return -(-slots // SLOTS_PER_LINE)


def _table_lines(balancer: Balancer) -> list[tuple[int, int]]:
    """Where each service's first table and table begin, in `place`'s order."""
    result, line = [], 0
    for service in balancer.services:
        first = line
        line += _lines(len(service.first[0])) if service.first else 0
        result.append((first, line))
        line += _lines(len(service.table))
    return result


def _place_table(maps: Maps, line: int, owners: list[int], states: list[int]) -> int:
    at = line * SLOTS_PER_LINE
    maps.slots[at : at + len(owners)] = [o | s << 14 for o, s in zip(owners, states, strict=True)]
    return line + _lines(len(owners))


def _place_reals(service: Service, number: int, begin: int, maps: Maps) -> None:
    """Its block, and its list of accepting reals, for which LIST_LINES are enough."""
    for index, real in enumerate(service.reals, begin):
        record = maps.reals[index]
        record["id"], record["link"] = real.id, link_word(real)
        record["state"] = real.state | (4 if real.consult else 0)
        record["service"], record["ifindex"] = number, real.ifindex
    published = service.published()
    line = number * LIST_LINES
    at = line * SLOTS_PER_LINE
    maps.accepting[at : at + len(published)] = published
    maps.service_states["accepting"][number] = line << 16 | len(published)


def flows_in(maps: Maps) -> dict[str, dict[FlowKey, Entry]]:
    """The flow tables as the model keeps them; `last` in seconds of the monotonic clock."""
    result: dict[str, dict[FlowKey, Entry]] = {}
    for kind in ("tcp", "syn", "udp"):
        keys, values = maps.read_flows4(kind)
        result[kind] = {
            _key(key.tobytes()): Entry(
                int(value["real"]), int(value["real_id"]), int(value["hash"]), int(value["last_ns"]) / 1e9
            )
            for key, value in zip(keys, values, strict=True)
        }
    return result


def _key(raw: bytes) -> FlowKey:
    return raw[0:4], raw[4:8], raw[8:10], raw[10:12]


def age_flows(maps: Maps, seconds: float) -> None:
    """Lets time pass for the flows: the program's clock cannot be set, and it began at boot."""
    if seconds * 1e9 > time.clock_gettime_ns(time.CLOCK_MONOTONIC):
        pytest.skip(f"this machine has been up for less than {seconds:g} s: no flow can be as old as that")
    for kind in ("tcp", "syn", "udp"):
        keys, values = maps.read_flows4(kind)
        values["last_ns"] -= np.uint64(seconds * 1e9)
        maps.write_flows4(kind, keys, values)


def clear_flows(maps: Maps) -> None:
    for kind in ("tcp", "syn", "udp"):
        maps.delete_flows4(kind, maps.read_flows4(kind)[0])


def flow_records(flows: dict[FlowKey, Entry]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The model's entries as records for write_flows4."""
    keys = np.frombuffer(b"".join(b"".join(key) for key in flows), FLOW_KEY4)
    values = np.zeros(len(flows), FLOW)
    for value, entry in zip(values, flows.values(), strict=True):
        value["last_ns"], value["hash"] = int(entry.last * 1e9), entry.hash
        value["real"], value["real_id"] = entry.real, entry.real_id
    return keys, values
