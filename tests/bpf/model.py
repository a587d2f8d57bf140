"""What the data path must do, again in plain Python: docs/document.md's hashes, bpf/DESIGN.md's rules.

Shares no code with vc5d or vc5c. A Balancer is the state of one load balancer; `process` says what becomes
of one frame. Nothing is fast here: that is the point.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SECOND = 0xD6E8FEB86659FD93
ABSENT, ACCEPTING, DRAINING, DOWN = range(4)
CLEAR, TRANSITION, CONSULT = range(3)
PASS, DROP, TX, REDIRECT = 2, 1, 3, 4  # enum xdp_action
TCP, UDP = 6, 17
LAST_PROBE, LIST_PROBE = 8, 9
LOOPBACK = 1  # the interface that a test run's packets come in by

FlowKey = tuple[bytes, bytes, bytes, bytes]  # addresses and ports as on the wire


def fmix64(x: int) -> int:
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & WORD
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 33


def word4(address: bytes, port: int, protocol: int) -> int:
    return int.from_bytes(address + port.to_bytes(2, "big") + bytes((protocol, 0)), "little")


def flow_hash(key: FlowKey, protocol: int, seed: int) -> int:
    saddr, daddr, sport, dport = (int.from_bytes(part, "little") for part in key)
    a, b = saddr | daddr << 32, sport | dport << 16 | protocol << 32
    return fmix64(((a ^ seed) * GOLDEN + b * SECOND) & WORD)


def probe(h: int, n: int) -> int:
    return fmix64((h + n * GOLDEN) & WORD) if n else h


def scaled(h: int, size: int) -> int:
    return (h >> 32) * size >> 32


@dataclass
class Real:
    """A place in a service's block of reals. `id` 0: nobody's."""

    id: int
    address: str = "10.1.10.10"
    state: int = ACCEPTING
    consult: bool = False
    mac: bytes | None = bytes.fromhex("020000000110")
    vlan: int = 0
    ifindex: int = 0

    @property
    def alive(self) -> bool:
        return self.state in (ACCEPTING, DRAINING)


@dataclass
class Service:
    address: str
    port: int
    protocol: int
    reals: list[Real]
    table: list[int]  # the owner of each slot, as index into `reals`
    track: str = "needed"
    slots: list[int] = field(default_factory=list)  # the state of each slot
    first: tuple[list[int], int] | None = None  # table and seed from the start of the transition

    def __post_init__(self) -> None:
        self.slots = self.slots or [CLEAR] * len(self.table)

    def published(self) -> list[int]:
        return [i for i, real in enumerate(self.reals) if real.state == ACCEPTING]

    def choose(self, h: int) -> int | None:
        for n in range(LAST_PROBE + 1):
            index = self.table[scaled(probe(h, n), len(self.table))]
            if self.reals[index].state == ACCEPTING:
                return index
        accepting = self.published()
        return accepting[scaled(probe(h, LIST_PROBE), len(accepting))] if accepting else None


@dataclass
class Entry:
    real: int
    real_id: int
    hash: int
    last: float  # seconds


@dataclass(frozen=True)
class Outcome:
    """`reason` names why a packet was not forwarded; else `real` is (service, index) of who got it, and
    `new` whether it counts as a new flow."""

    verdict: int
    frame: bytes
    reason: str = ""
    real: tuple[int, int] | None = None
    new: bool = False


@dataclass
class Packet:
    tag: int | None  # the tag's TCI
    address: bytes
    fault: str = ""  # what is wrong with it if it is for a VIP
    key: FlowKey = (b"", b"", b"", b"")
    protocol: int = 0
    syn: bool = False


def parse(frame: bytes) -> Packet | str:
    """The packet, or the reason to pass the frame untouched."""
    if frame[0] & 1:
        return "PASS_NOT_UNICAST"
    proto, at, tag = frame[12:14], 14, None
    if proto in (b"\x81\x00", b"\x88\xa8"):
        if len(frame) < 18:
            return "PASS_NOT_IP"
        tag, proto, at = int.from_bytes(frame[14:16], "big"), frame[16:18], 18
    ip = frame[at:]
    if proto != b"\x08\x00" or len(ip) < 20 or ip[0] >> 4 != 4 or ip[0] & 15 < 5:
        return "PASS_NOT_IP"
    header, total = (ip[0] & 15) * 4, int.from_bytes(ip[2:4], "big")
    packet = Packet(tag, ip[16:20], protocol=ip[9])
    if total < header or total > len(ip):
        packet.fault = "DROP_MALFORMED"
    elif int.from_bytes(ip[6:8], "big") & 0x3FFF:
        packet.fault = "DROP_FRAGMENT"
    elif packet.protocol not in (TCP, UDP):
        packet.fault = "DROP_PROTOCOL"
    else:
        _parse_transport(packet, ip, ip[header:total])
    return packet


def _parse_transport(packet: Packet, ip: bytes, segment: bytes) -> None:
    if packet.protocol == TCP:
        whole = len(segment) >= 20 and 20 <= (segment[12] >> 4) * 4 <= len(segment)
        packet.syn = whole and segment[13] & 0x12 == 0x02
    else:
        whole = len(segment) >= 8 and 8 <= int.from_bytes(segment[4:6], "big") <= len(segment)
    if not whole:
        packet.fault = "DROP_MALFORMED"
    packet.key = (ip[12:16], ip[16:20], segment[0:2], segment[2:4])


def rewrite(frame: bytes, tag: int | None, real: Real) -> bytes:
    """The frame as it leaves: MAC addresses and tag are all that differs."""
    assert real.mac
    macs = real.mac + frame[0:6]
    if tag is None:
        return macs + (struct.pack("!HH", 0x8100, real.vlan) if real.vlan else b"") + frame[12:]
    if not real.vlan:
        return macs + frame[16:]
    return macs + frame[12:14] + struct.pack("!H", tag & 0xF000 | real.vlan) + frame[16:]


@dataclass
class Balancer:
    services: list[Service]
    seed: int = 0
    lifetime: float = 900.0
    salt: int = 1
    live: bool = True
    now: float = 0.0
    flows: dict[str, dict[FlowKey, Entry]] = field(default_factory=lambda: {"tcp": {}, "syn": {}, "udp": {}})

    def process(self, frame: bytes) -> Outcome:
        packet = parse(frame)
        if isinstance(packet, str):
            return Outcome(PASS, frame, packet)
        if not self.live:
            return Outcome(PASS, frame, "PASS_NO_DOCUMENT")
        vips = {socket.inet_aton(service.address) for service in self.services}
        if packet.address not in vips:
            return Outcome(PASS, frame, "PASS_NOT_VIP")
        number = self._service(packet)
        if packet.fault or number is None:
            return Outcome(DROP, frame, packet.fault or "DROP_UNKNOWN_PORT")
        service = self.services[number]
        index, new = self.select(service, packet)
        if index is None:
            return Outcome(DROP, frame, "DROP_NO_REAL")
        real = service.reals[index]
        if not real.mac:
            return Outcome(DROP, frame, "DROP_NO_NEIGHBOR")
        if frame[0:6] == real.mac:
            return Outcome(PASS, frame, "PASS_AT_REAL")
        verdict = REDIRECT if real.ifindex not in (0, LOOPBACK) else TX
        return Outcome(verdict, rewrite(frame, packet.tag, real), real=(number, index), new=new)

    def _service(self, packet: Packet) -> int | None:
        for number, service in enumerate(self.services):
            port = service.port.to_bytes(2, "big")
            if (socket.inet_aton(service.address), port, service.protocol) == (
                packet.address,
                packet.key[3],
                packet.protocol,
            ):
                return number
        return None

    def select(self, service: Service, packet: Packet) -> tuple[int | None, bool]:
        """The index of the packet's real, and whether the packet counts as a new flow."""
        h = flow_hash(packet.key, packet.protocol, self.seed)
        i = scaled(h, len(service.table))
        owner = service.reals[service.table[i]]
        plain = service.slots[i] == CLEAR and owner.state == ACCEPTING and not owner.consult
        if plain and service.track != "full":
            return service.table[i], packet.syn
        if service.track == "minimal":
            return service.choose(h), packet.syn
        return self._track(service, packet, h, i)

    def _track(self, service: Service, packet: Packet, h: int, i: int) -> tuple[int | None, bool]:
        owner, full, udp = service.table[i], service.track == "full", packet.protocol == UDP
        entry = self._recall(packet)
        if entry and self._keeps(service, entry, packet.syn):
            self._touch(packet, entry, h)
            return entry.real, packet.syn
        if packet.syn or (udp and full):
            index = service.choose(h)
            stored = index is not None and (index != owner or service.slots[i] == TRANSITION or full)
            self._forget(packet)
            if stored:
                self._store(service, packet, h, index or 0)
            return index, packet.syn or (udp and stored)
        if service.slots[i] == TRANSITION and service.first:
            table, seed = service.first
            before = table[scaled(flow_hash(packet.key, packet.protocol, seed), len(table))]
            if service.reals[before].alive:
                if not entry:
                    self._forget(packet)
                    self._store(service, packet, h, before)
                return before, udp and not entry
        return (owner if service.reals[owner].alive else service.choose(h)), False

    def _places(self, packet: Packet) -> list[dict[FlowKey, Entry]]:
        return [self.flows["udp"]] if packet.protocol == UDP else [self.flows["tcp"], self.flows["syn"]]

    def _recall(self, packet: Packet) -> Entry | None:
        found = [place[packet.key] for place in self._places(packet) if packet.key in place]
        fresh = [entry for entry in found if self.now - entry.last <= self.lifetime]
        return fresh[0] if fresh else None

    @staticmethod
    def _keeps(service: Service, entry: Entry, syn: bool) -> bool:
        real = service.reals[entry.real]
        same = entry.real_id != 0 and real.id == entry.real_id
        return same and (real.state == ACCEPTING or (real.state == DRAINING and not syn))

    def _forget(self, packet: Packet) -> None:
        for place in self._places(packet):
            place.pop(packet.key, None)

    def _store(self, service: Service, packet: Packet, h: int, index: int) -> None:
        kind = "udp" if packet.protocol == UDP else "syn" if packet.syn else "tcp"
        self.flows[kind][packet.key] = Entry(index, service.reals[index].id, h >> 32, self.now)

    def _touch(self, packet: Packet, entry: Entry, h: int) -> None:
        """A flow's first packet without SYN promotes it."""
        if self.now - entry.last > self.lifetime / 256:
            entry.last = self.now
        entry.hash = h >> 32
        if packet.protocol == TCP and not packet.syn and self.flows["syn"].get(packet.key) is entry:
            entry.last = self.now
            self.flows["tcp"][packet.key] = self.flows["syn"].pop(packet.key)
