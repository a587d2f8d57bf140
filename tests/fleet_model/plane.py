"""A load balancer's data path and what vc5d keeps in its maps: one service, as bpf/DESIGN.md has it, said
again in terms of the model's values. It outlives vc5d."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bpf.model import (
    ABSENT,
    ACCEPTING,
    CLEAR,
    CONSULT,
    DOWN,
    DRAINING,
    NS,
    TCP,
    TRANSITION,
    Entry,
    First,
    Real,
)
from bpf.model.counters import Budget
from bpf.model.hashes import FlowKey, flow_hash, scaled
from bpf.model.parsing import ACK, SYN, Packet
from bpf.model.state import Service
from bpf.model.tracking import Flows

LIFETIME = 60  # seconds
VIP = "192.0.2.1"
Told = tuple[FlowKey, int, float]  # a flow, its real's stable id (0: it was deleted), its last packet


@dataclass(frozen=True)
class Spec:
    """A document: its reals by stable id and the size of its table."""

    number: int
    reals: frozenset[int]
    size: int

    @property
    def digest(self) -> str:
        return f"sha256:{self.number}"


@lru_cache(maxsize=256)
def maglev(reals: frozenset[int], size: int) -> tuple[int, ...]:
    """The stable id of each slot's owner."""
    table, filled = [0] * size, 0
    draws = {real: random.Random(real * 1009 + size) for real in sorted(reals)}
    state = {real: (draw.randrange(size), draw.randrange(1, size)) for real, draw in draws.items()}
    while True:
        for real, (place, step) in state.items():
            at = place
            while table[at]:
                at = (at + step) % size
            table[at], state[real] = real, ((at + step) % size, step)
            filled += 1
            if filled == size:
                return tuple(table)


class Noted(dict[FlowKey, Entry]):
    """The table of established flows, which tells what is stored and deleted."""

    def __init__(self, told: list[FlowKey]) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, key: FlowKey, entry: Entry) -> None:
        super().__setitem__(key, entry)
        self._told.append(key)

    def pop(self, key: FlowKey, *default: Any) -> Any:
        if key in self:
            self._told.append(key)
        return super().pop(key, *default)


@dataclass
class States:
    """What one load balancer gives another that starts: reals by stable id."""

    size: int
    table: tuple[int, ...]
    first: tuple[int, ...]
    moving: list[int]  # states of slots
    reals: set[int]  # also those that left and drain
    consult: set[int]


@dataclass
class Plane:
    """ends: when the clock of the transition runs out. settling: it has, and slots are still in transition.
    aside: flows of reals that are not known."""

    spec: Spec
    service: Service = field(init=False)
    flows: Flows = field(init=False)
    ends: float | None = None
    settling: bool = False
    aside: dict[FlowKey, tuple[int, float]] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    now: float = 0.0
    foreign: dict[FlowKey, int] = field(default_factory=dict)  # last packet elsewhere, of flows told by peers

    def __post_init__(self) -> None:
        self.noted: list[FlowKey] = []
        self.flows = Flows(Budget(), LIFETIME)
        self.flows.tables["tcp"] = Noted(self.noted)
        self.configured = set(self.spec.reals)
        self.index = {real: at for at, real in enumerate(sorted(self.spec.reals))}
        reals = [Real(real, state=DOWN) for real in sorted(self.spec.reals)]
        self.service = Service(VIP, 80, TCP, reals, self._owners(self.spec))

    # -- packets

    def packet(self, packet: Packet, now: float) -> int | None:
        """The stable id of the real that gets it."""
        self.now, self.flows.now = now, round(now * NS)
        before = self.established.get(packet.key)
        old = before is not None and now - before.last / NS > LIFETIME / 4
        index = self.flows.select(self.service, packet).index
        if old:
            self.noted.append(packet.key)  # it was quiet: peers may be about to forget it
        return None if index is None else self.service.reals[index].id

    def told(self) -> Iterator[Told]:
        """What was stored and deleted since this was asked last."""
        keys, self.noted[:] = list(dict.fromkeys(self.noted)), []
        for key in keys:
            entry = self.established.get(key)
            yield key, entry.real_id if entry else 0, entry.last / NS if entry else self.now

    def living(self) -> Iterator[Told]:
        """What is told again and again: flows that had a packet here."""
        for key, entry in self.established.items():
            if self.foreign.get(key) != entry.last:
                yield key, entry.real_id, entry.last / NS

    @property
    def established(self) -> dict[FlowKey, Entry]:
        return self.flows.tables["tcp"]

    # -- from peers

    def take(self, told: Told, *, consult: bool = True, keep_aside: bool = True) -> None:
        key, real, last = told
        if real and real not in self.index:
            if keep_aside:
                self.aside[key] = real, last
            return
        mine, last_ns = self.established.get(key), round(last * NS)
        if mine and mine.last >= last_ns:
            return
        if not real:
            dict.pop(self.established, key, None)
            return
        self.flows.tables["syn"].pop(key, None)
        h = flow_hash(key, TCP, 0)
        dict.__setitem__(self.established, key, Entry(self.index[real], real, h >> 32, last_ns))
        self.foreign[key] = last_ns
        owner = self.service.table[scaled(h, len(self.service.table))]
        if consult and self.service.reals[owner].id != real:
            self.service.reals[owner].consult = True
            self.fresh.add(owner)

    # -- health and documents

    def set_state(self, real: int, state: int) -> None:
        entry = self.service.reals[self.index[real]]
        if entry.state != state:
            if state == ACCEPTING:
                entry.consult = True
                self.fresh.add(self.index[real])
            entry.state = state

    def state(self, real: int) -> int:
        return self.service.reals[self.index[real]].state if real in self.index else ABSENT

    def flip(self, spec: Spec) -> None:
        service, before = self.service, self.service.table
        for real in sorted(spec.reals - self.index.keys()):
            self._add(real, DOWN)
        for real in spec.reals - self.configured:
            if self.state(real) == DRAINING:
                service.reals[self.index[real]].consult = True
                self.fresh.add(self.index[real])
        for real in self.configured - spec.reals:
            if self.state(real) == ACCEPTING:
                service.reals[self.index[real]].state = DRAINING
        table = self._owners(spec)
        if len(table) == len(before):
            service.slots = [
                TRANSITION if a != b else s for a, b, s in zip(table, before, service.slots, strict=True)
            ]
        else:
            service.slots = [TRANSITION] * len(table)
        if TRANSITION in service.slots:
            service.first = service.first or First(before)
            self.ends, self.settling = self.now + LIFETIME, False
        service.table, self.configured, self.spec = table, set(spec.reals), spec
        aside, self.aside = self.aside, {}
        for key, (real, last) in aside.items():
            self.take((key, real, last))

    def _add(self, real: int, state: int) -> None:
        free = [at for at, entry in enumerate(self.service.reals) if not entry.id]
        at = free[0] if free else len(self.service.reals)
        self.service.reals[at : at + 1] = [Real(real, state=state)]
        self.index[real] = at

    def _owners(self, spec: Spec) -> list[int]:
        return [self.index[real] for real in maglev(spec.reals, spec.size)]

    # -- the end of a transition

    @property
    def moving(self) -> bool:
        return self.service.first is not None

    def clock_is_over(self) -> None:
        self.service.first, self.ends, self.settling = None, None, True

    def to_consult(self) -> None:
        self.settling = False
        self.service.slots = [CONSULT if s == TRANSITION else s for s in self.service.slots]

    def scan(self, now: float) -> None:
        fresh, self.fresh = self.fresh, set()
        oldest, service = round((now - LIFETIME) * NS), self.service
        needed, held = set(), set()
        for table in self.flows.tables.values():
            for key in [key for key, entry in table.items() if entry.last < oldest]:
                dict.pop(table, key)
                self.foreign.pop(key, None)
            for entry in table.values():
                held.add(entry.real_id)
                at = scaled(entry.hash << 32, len(service.table))
                if service.reals[service.table[at]].id != entry.real_id:
                    needed.add(at)
        service.slots = [
            CLEAR if s == CONSULT and at not in needed else s for at, s in enumerate(service.slots)
        ]
        owners = {service.table[at] for at in needed} | fresh
        for at, entry_ in enumerate(service.reals):
            entry_.consult &= at in owners
        if not service.first and self.ends is None:
            self._free(held)

    def _free(self, held: set[int]) -> None:
        for real in self.index.keys() - self.configured - held:
            at = self.index.pop(real)
            self.service.reals[at] = Real(0, state=ABSENT)

    # -- a start

    def states(self) -> States:
        service = self.service
        ids = [real.id for real in service.reals]
        table = tuple(ids[owner] for owner in service.table)
        first = tuple(ids[owner] for owner in service.first.table) if service.first else table
        moving = list(service.slots)
        consult = {real.id for real in service.reals if real.consult}
        return States(len(table), table, first, moving, set(self.index), consult)

    def inherit(self, given: States) -> None:
        """Only where this data path has no state of its own."""
        service, mine = self.service, maglev(self.spec.reals, self.spec.size)
        for real in sorted(given.reals - self.index.keys()):
            self._add(real, DOWN)
        for real in given.consult & self.index.keys():
            service.reals[self.index[real]].consult = True
            self.fresh.add(self.index[real])
        if given.size == len(mine):
            service.slots = [
                TRANSITION if a != b else max(s, CLEAR)
                for a, b, s in zip(mine, given.table, given.moving, strict=True)
            ]
        else:
            service.slots = [TRANSITION] * len(mine)
        if given.first != mine and TRANSITION in service.slots:
            service.first = First([self.index[real] for real in given.first])
            self.ends = self.now + LIFETIME
        elif TRANSITION in service.slots:
            self.settling = True


def packets(number: int) -> tuple[Packet, Packet]:
    """A flow's SYN, and any other packet of it."""
    source, sport = number.to_bytes(4, "big"), (1024 + number % 60000).to_bytes(2, "big")
    made = [
        Packet(False, source, bytes([192, 0, 2, 1]), TCP, 0, 0, sport=sport, dport=b"\0P", flags=flags)
        for flags in (SYN, ACK)
    ]
    return made[0], made[1]


def ids(reals: Iterable[int]) -> frozenset[int]:
    return frozenset(reals)
