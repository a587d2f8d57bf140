"""The data path in plain Python over the maps' arrays: what the XDP program would do with them.

Written from the rules of bpf/DESIGN.md and docs/document.md; shares no code with vc5d. Says which real gets
a packet.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any

from vc5d.xdp.maps import Maps

from .documents import WORD, fmix64, position, word

GOLDEN = 0x9E3779B97F4A7C15
ACCEPTING, DRAINING, DOWN = 1, 2, 3
CLEAR, TRANSITION, CONSULT = 0, 1, 2
VIP = 1
TRACK_FULL, TRACK_MINIMAL, STICKY, LEASTCONN, UP = 2, 4, 8, 16, 32
PROTOCOLS = {"tcp": 6, "udp": 17}


class NotForwarded(Exception):
    """With the reason."""


@dataclass(frozen=True)
class Flow:
    """A client's flow to a service, "ADDRESS:PORT:proto"; `dport`: the port, if the service takes any."""

    source: str
    sport: int
    service: str
    dport: int = 0

    def __post_init__(self) -> None:
        assert (":" in self.source) == (self.service.count(":") > 2), "one address family"

    @property
    def family(self) -> int:
        return 6 if ":" in self.source else 4

    @property
    def key(self) -> bytes:
        address, port, _ = self.service.rsplit(":", 2)
        return packed(self.source) + packed(address) + struct.pack(">HH", self.sport, self.dport or int(port))


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


@dataclass(frozen=True)
class Found:
    """A service's record in the live generation, as plain integers."""

    id: int
    flags: int
    slots_line: int
    table_size: int
    reals_base: int
    first_line: int
    first_size: int
    first_flags: int
    first_seed: int


class DataPath:
    """Packets in, reals' addresses out. `now`: nanoseconds, set by the test."""

    def __init__(self, maps: Maps) -> None:
        self.maps, self.now = maps, 0
        self.flows: dict[str, dict[bytes, bytes]] = {
            name: getattr(maps.tables[name], "entries", {})
            for name in (f"flows{family}_{kind}" for family in (4, 6) for kind in ("tcp", "syn", "udp"))
        }
        self.lookups = 0

    # -- lookups -----------------------------------------------------------------------------------

    def generation(self) -> Any:
        live = int(self.maps.control["live"][0])
        if not live:
            raise NotForwarded("no document")
        return self.maps.control["generation"][0, live - 1]

    def find(self, address: str, port: int, protocol: int) -> Found | None:
        """By perfect hash: the record at the key's position, if the key there is this one."""
        generation, raw = self.generation(), packed(address)
        index = generation["index4" if len(raw) == 4 else "index6"]
        size = int(index["size"])
        if not size:
            return None
        k = fmix64((word(address, port, protocol) + int(index["salt"])) & WORD)
        bucket = k & (int(index["buckets"]) - 1)
        displacement = int(self.maps.displacements[int(index["displacements_line"]) * 32 + bucket])
        place = int(index["services_base"]) + position(k, displacement, size)
        entry = (self.maps.services4 if len(raw) == 4 else self.maps.services6)[place]
        key = raw + struct.pack(">HB", port, protocol)
        if bytes(entry["key"]) != key + bytes(entry["key"].nbytes - len(key)):
            return None
        record = entry["service"]
        return Found(*(int(record[name]) for name in Found.__dataclass_fields__))

    def service(self, name: str, dport: int = 0) -> Found:
        """That of the packet's own port, else the one that takes any."""
        address, port, protocol = name.rsplit(":", 2)
        if not self._may_be_vip(address):
            raise NotForwarded("not a vip")
        found = self.find(address, dport or int(port), PROTOCOLS[protocol])
        if found is None and int(self.generation()["flags"]) & (2 if ":" in address else 1):
            found = self.find(address, 0, PROTOCOLS[protocol])
        if found is None:
            vip = self.find(address, 0, 0)
            raise NotForwarded("unknown port" if vip and vip.flags & VIP else "not a vip")
        return found

    def _may_be_vip(self, address: str) -> bool:
        """The filter before the index."""
        raw = packed(address)
        if len(raw) == 4:
            bit = (int.from_bytes(raw, "little") * GOLDEN & WORD) >> 51
            return bool(int(self.generation()["vips4"][bit // 64]) >> bit % 64 & 1)
        a0, a1 = struct.unpack("<QQ", raw)
        bit = ((a0 * GOLDEN + a1) * GOLDEN & WORD) >> 51
        return bool(int(self.generation()["vips6"][bit // 64]) >> bit % 64 & 1)

    def hash(self, flow: Flow, seed: int, sticky: bool = False) -> int:
        number = PROTOCOLS[flow.service.rsplit(":", 1)[1]]
        (ports,) = struct.unpack("<I", flow.key[-4:])
        b = 0 if sticky else ports | number << 32
        if flow.family == 4:
            s, d, _ = struct.unpack("<III", flow.key)
            first = ((s | d << 32) ^ seed) * GOLDEN
        else:
            s0, s1, d0, d1, _ = struct.unpack("<QQQQI", flow.key)
            x, y = fmix64(((s0 ^ seed) * GOLDEN + s1) & WORD), (d0 * 0xD6E8FEB86659FD93 + d1) & WORD
            first = (x ^ y) * GOLDEN
        return fmix64((first + b * 0xD6E8FEB86659FD93) & WORD)

    def slot(self, line: int, index: int) -> tuple[int, int]:
        """(index in the block, state)"""
        value = int(self.maps.slots[line * 32 + index])
        return value & 0x3FFF, value >> 14

    def state(self, index: int) -> int:
        return int(self.maps.reals["state"][index]) & 3

    def address(self, index: int) -> str:
        raw = bytes(self.maps.reals["addr"][index])
        if raw[:12] == bytes(10) + b"\xff\xff":  # IPv4 mapped
            return socket.inet_ntoa(raw[12:])
        return socket.inet_ntop(socket.AF_INET6, raw)

    def choose(self, service: Found, h: int) -> int:
        first = 0
        for probe in range(9):
            probed = fmix64((h + probe * GOLDEN) & WORD) if probe else h
            owner, _ = self.slot(service.slots_line, (probed >> 32) * service.table_size >> 32)
            owner += service.reals_base
            if self.state(owner) != ACCEPTING or owner == first:
                continue
            if not service.flags & LEASTCONN:
                return owner
            if first:
                loads = self.maps.reals["load"]
                return owner if int(loads[owner]) < int(loads[first]) else first
            first = owner
        if first:
            return first
        published = int(self.maps.service_states["accepting"][service.id])
        line, count = published >> 16, published & 0xFFFF
        if not count:
            return 0
        picked = (fmix64((h + 9 * GOLDEN) & WORD) >> 32) * count >> 32
        return service.reals_base + int(self.maps.accepting[line * 32 + picked])

    # -- a packet ----------------------------------------------------------------------------------

    def packet(self, flow: Flow, syn: bool) -> str:
        """The address of the real that gets it. Raises NotForwarded."""
        index = self._packet(flow, syn)
        if not index:
            raise NotForwarded("no real")
        return self.address(index)

    def _packet(self, flow: Flow, syn: bool) -> int:
        service = self.service(flow.service, flow.dport)
        generation = self.generation()
        h = self.hash(flow, int(generation["seed"]), bool(service.flags & STICKY))
        owner, slot_state = self.slot(service.slots_line, (h >> 32) * service.table_size >> 32)
        owner += service.reals_base
        full = bool(service.flags & TRACK_FULL)
        if slot_state == CLEAR and int(self.maps.reals["state"][owner]) == ACCEPTING and not full:
            return owner
        self.lookups += 1
        if service.flags & TRACK_MINIMAL:
            return self.choose(service, h)
        name = f"flows{flow.family}_"
        udp = flow.service.endswith("udp")
        tables = (name + "udp",) if udp else (name + "tcp", name + "syn")
        table, entry, present = self._recall(flow, tables, int(generation["flow_lifetime_ns"]))
        if entry:
            index = self._entry_real(service, entry)
            if index and (self.state(index) == ACCEPTING or (self.state(index) == DRAINING and not syn)):
                if table == name + "syn" and not syn:
                    del self.flows[table][flow.key]
                    table = name + "tcp"
                self._write(table, flow, h, index, service)
                return index
        if syn or (full and udp):
            index = self.choose(service, h)
            if index and (index != owner or slot_state == TRANSITION or full):
                self._forget(flow, tables)
                self._write(tables[-1], flow, h, index, service)
            elif present:
                self._forget(flow, tables)
            return index
        if slot_state == TRANSITION and service.first_size:
            before = self.hash(flow, service.first_seed, bool(service.first_flags & STICKY))
            index, _ = self.slot(service.first_line, (before >> 32) * service.first_size >> 32)
            index += service.reals_base
            if self.state(index) in (ACCEPTING, DRAINING):
                if not entry:
                    self._forget(flow, tables)
                    self._write(tables[0], flow, h, index, service)
                return index
        return owner if self.state(owner) in (ACCEPTING, DRAINING) else self.choose(service, h)

    def _recall(self, flow: Flow, tables: tuple[str, ...], lifetime: int) -> tuple[str, bytes, bool]:
        present = False
        for table in tables:
            if entry := self.flows[table].get(flow.key):
                present = True
                last = struct.unpack_from("<Q", entry)[0]
                if self.now - last <= lifetime:
                    return table, entry, True
        return "", b"", present

    def _entry_real(self, service: Found, entry: bytes) -> int:
        _, _, real_id, real, _ = struct.unpack("<QIIII", entry)
        index = service.reals_base + real
        return index if int(self.maps.reals["id"][index]) == real_id else 0

    def _write(self, table: str, flow: Flow, h: int, index: int, service: Found) -> None:
        real_id = int(self.maps.reals["id"][index])
        self.flows[table][flow.key] = struct.pack(
            "<QIIII", self.now, h >> 32, real_id, index - service.reals_base, 0
        )

    def _forget(self, flow: Flow, tables: tuple[str, ...]) -> None:
        for table in tables:
            self.flows[table].pop(flow.key, None)
