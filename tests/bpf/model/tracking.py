"""The state table of bpf/DESIGN.md, and the flow tables that it asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from .choosing import choose
from .counters import KINDS, Budget
from .hashes import FlowKey, flow_hash, scaled
from .parsing import Packet
from .state import ACCEPTING, CLEAR, DRAINING, NS, TCP, TRANSITION, UDP, Entry, Service

Tables = dict[str, dict[FlowKey, Entry]]


@dataclass(slots=True)
class Choice:
    """`index` None: no real. `new`: counts as a new flow. `refused`: was not stored, for the budget."""

    index: int | None
    new: bool = False
    refused: bool = False
    hash: int = 0  # of the flow


@dataclass
class Flows:
    """The flow tables. IPv4 and IPv6 lie together: their keys differ in length."""

    budget: Budget
    lifetime: float = 900.0  # seconds
    seed: int = 0
    now: int = 0
    tables: Tables = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def select(self, service: Service, packet: Packet, asking: bool = False) -> Choice:
        """`asking`: for an ICMP error, of which nothing is written."""
        h = flow_hash(packet.key, packet.protocol, self.seed, service.sticky)
        choice = self._select(service, packet, h, asking)
        choice.hash = h
        return choice

    def _select(self, service: Service, packet: Packet, h: int, asking: bool) -> Choice:
        i = scaled(h, len(service.table))
        owner = service.reals[service.table[i]]
        syn = packet.syn and not asking
        plain = service.slots[i] == CLEAR and owner.state == ACCEPTING and not owner.consult
        if plain and not service.full:
            return Choice(service.table[i], syn)
        if service.track == "minimal":
            return Choice(choose(service, h), syn)
        return _Question(self, service, packet, h, i, asking).answer()

    def places(self, packet: Packet) -> list[str]:
        return ["udp"] if packet.protocol == UDP else ["tcp", "syn"]


@dataclass(slots=True)
class _Question:
    """One packet before the flow tables: its hash `h`, its slot `i`."""

    flows: Flows
    service: Service
    packet: Packet
    h: int
    i: int
    asking: bool

    def answer(self) -> Choice:
        packet, service, asking = self.packet, self.service, self.asking
        syn, udp = packet.syn and not asking, packet.protocol == UDP
        kind, entry = self._recall()
        if entry and self._keeps(entry, syn):
            refused = not asking and self._touch(kind, entry, syn)
            return Choice(entry.real, syn, refused)  # rows 1 and 2
        if syn or (udp and service.full and not asking):
            return self._first()
        owner = service.table[self.i]
        if service.slots[self.i] == TRANSITION and service.first:
            before = self._previous()
            if service.reals[before].alive:
                if entry or asking:
                    return Choice(before)  # row 6
                stored = self._store(before, "udp" if udp else "tcp")  # row 5
                return Choice(before, udp and stored, not stored)
        if service.reals[owner].alive:
            return Choice(owner)  # row 7
        return Choice(choose(service, self.h))  # row 8

    def _first(self) -> Choice:
        """Rows 3 and 4."""
        service, udp = self.service, self.packet.protocol == UDP
        index = choose(service, self.h)
        remembered = service.full or service.slots[self.i] == TRANSITION or index != service.table[self.i]
        if index is None or not remembered:
            self._forget("")
            return Choice(index, not udp)
        stored = self._store(index, "udp" if udp else "syn")
        return Choice(index, stored or not udp, not stored)

    def _previous(self) -> int:
        first = self.service.first
        assert first
        h = flow_hash(self.packet.key, self.packet.protocol, first.seed, first.sticky)
        return first.table[scaled(h, len(first.table))]

    def _recall(self) -> tuple[str, Entry | None]:
        flows, key, oldest = self.flows, self.packet.key, self.flows.now - int(self.flows.lifetime * NS)
        for kind in flows.places(self.packet):
            entry = flows.tables[kind].get(key)
            if entry and entry.last >= oldest:
                return kind, entry
        return "", None

    def _keeps(self, entry: Entry, syn: bool) -> bool:
        real = self.service.reals[entry.real]
        same = entry.real_id != 0 and real.id == entry.real_id
        return same and (real.state == ACCEPTING or (real.state == DRAINING and not syn))

    def _forget(self, but: str) -> None:
        for kind in self.flows.places(self.packet):
            if kind != but:
                self.flows.tables[kind].pop(self.packet.key, None)

    def _store(self, index: int, kind: str) -> bool:
        flows = self.flows
        if not flows.budget.insert(kind, flows.now):
            return False
        self._forget(kind)
        real_id = self.service.reals[index].id
        flows.tables[kind][self.packet.key] = Entry(index, real_id, self.h >> 32, flows.now)
        return True

    def _touch(self, kind: str, entry: Entry, syn: bool) -> bool:
        """Renews an entry; a flow's first packet without SYN promotes it. Whether that was refused."""
        flows = self.flows
        promoted = kind == "syn" and self.packet.protocol == TCP and not syn
        if promoted and self._store(entry.real, "tcp"):
            return False
        if flows.now - entry.last > flows.lifetime * NS / 256:
            entry.last = flows.now
        entry.hash = self.h >> 32
        return promoted
