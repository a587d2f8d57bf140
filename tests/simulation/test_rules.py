"""The vectorised rules are the model's: both are asked about every packet of a small fleet's bad year.

The model of tests/bpf knows one load balancer. What a fleet of them does (who hears what, what a starting one
knows) is said here again in plain loops.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from tests.bpf import model
from tests.bpf.model.counters import Budget
from tests.bpf.model.hashes import flow_hash
from tests.bpf.model.parsing import ACK, SYN, Packet
from tests.bpf.model.tracking import Flows

from . import year
from .designs import Design
from .fleet import Fleet, Sharing
from .hashing import Numbers, Words
from .run import Life
from .world import World
from .year import Event, Rates, Size

VIP, VIP_PORT = bytes((192, 168, 101, 1)), (80).to_bytes(2, "big")
SIZE = Size(
    balancers=4, services=1, reals=10, flows=150, slots=251, compression=1500, flow_seconds=2500, lifetime=600
)
RATES = Rates(balancer_dies=12, real_dies=4, real_sick=3, real_blind=6, changes=20, rollouts=3, deployments=3)


class Host:
    """One load balancer, by the model."""

    def __init__(self, capacity: int) -> None:
        self.flows = Flows(Budget(), lifetime=SIZE.lifetime)
        reals = [model.Real(number + 1, state=model.ABSENT) for number in range(capacity)]
        self.service = model.Service("192.168.101.1", 80, model.TCP, reals, [0])

    def see(self, world: World, states: list[int]) -> None:
        self.flows.now = int(world.now * model.NS)
        for real, state in zip(self.service.reals, states, strict=True):
            real.consult |= state == model.ACCEPTING and real.state in (model.DRAINING, model.DOWN)
            real.state = state

    def flip(self, table: list[int]) -> None:
        service = self.service
        service.first = service.first or model.First(service.table)
        service.slots = [
            model.TRANSITION if new != old else slot
            for new, old, slot in zip(table, service.table, service.slots, strict=True)
        ]
        service.table = table

    def end_transition(self) -> None:
        self.service.first = None
        self.service.slots = [s and model.CONSULT for s in self.service.slots]

    def scan(self) -> None:
        service, oldest = self.service, self.flows.now - int(SIZE.lifetime * model.NS)
        slots, owners = set(), set()
        for table in self.flows.tables.values():
            for key in [key for key, entry in table.items() if entry.last < oldest]:
                del table[key]
            for key, entry in table.items():
                slot = (flow_hash(key, model.TCP, 0) >> 32) * SIZE.slots >> 32
                if service.table[slot] != entry.real:
                    slots.add(slot)
                    owners.add(service.table[slot])
        for slot, state in enumerate(service.slots):
            if state == model.CONSULT and slot not in slots:
                service.slots[slot] = model.CLEAR
        for number, real in enumerate(service.reals):
            real.consult &= number in owners


class Watched(Fleet):
    """Asks the model about each packet, too."""

    packets: ClassVar[dict[int, Packet]] = {}  # by hash
    judged = 0

    def prepare(self) -> None:
        super().prepare()
        self.up: set[int] = set()
        self.hosts: dict[int, Host] = {}
        for number in range(self.size.balancers):
            self._fresh(number)

    def _fresh(self, number: int) -> None:
        host = self.hosts[number] = Host(self.size.capacity)
        host.see(self.world, self._states(number))
        host.service.table = self.world.table.tolist()
        host.service.slots = [model.CLEAR] * self.size.slots
        self.up.add(number)

    def _states(self, number: int) -> list[int]:
        """What a load balancer makes of each real: its own checks, and with sharing those of its peers."""
        world, states = self.world, self.world.state.tolist()
        for real in np.flatnonzero(world.blind[number]):
            others = [b for b in np.flatnonzero(world.up) if not world.blind[b, real]]
            if states[real] == model.ACCEPTING:
                states[real] = model.DRAINING if self.shares and others else model.DOWN
        return list(states)

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> Words:
        hashes = []
        for _ in range(count):
            packet = Packet(False, rng.bytes(4), VIP, model.TCP, 0, 0, sport=rng.bytes(2), dport=VIP_PORT)
            hashes.append(flow_hash(packet.key, model.TCP, 0))
            cls.packets[hashes[-1]] = packet
        return np.array(hashes, np.uint64)

    def _send(self, place: int, flags: int) -> int:
        at, packet = int(self.at[place]), self.packets[int(self.hash[place])]
        packet.flags = flags
        host = self.hosts[at]
        host.flows.now = int(self.world.now * model.NS)
        had = self._entry(host, packet)
        answer = host.flows.select(host.service, packet).index
        entry = self._entry(host, packet)
        if self.shares and entry and entry[1] is not (had and had[1]):
            self._tell(at, packet, *entry)
        return -1 if answer is None else answer

    def _entry(self, host: Host, packet: Packet) -> tuple[str, model.Entry] | None:
        found = [(k, t[packet.key]) for k, t in host.flows.tables.items() if packet.key in t]
        return found[0] if found else None

    def _tell(self, at: int, packet: Packet, kind: str, entry: model.Entry) -> None:
        """The same object: what one host touches is refreshed at all."""
        for number in self.up - {at}:
            host = self.hosts[number]
            for table in host.flows.tables.values():
                table.pop(packet.key, None)
            host.flows.tables[kind][packet.key] = entry
            slot = (flow_hash(packet.key, model.TCP, 0) >> 32) * SIZE.slots >> 32
            host.service.reals[host.service.table[slot]].consult = True

    def begin(self, those: Numbers) -> None:
        super().begin(those)
        assert [self._send(int(place), SYN) for place in those] == self.home[those].tolist()

    def leave(self, moved: Numbers, event: Event) -> None:
        """Flows touch their entries with each packet: see judge."""

    def learn(self, event: Event) -> None:
        super().learn(event)
        if event.kind in (year.LOST, year.ROLLED):
            self.up.remove(event.balancer)
        elif event.kind == year.RETURNS:
            self._fresh(event.balancer)
            if self.shares:
                self._copy(min(self.up - {event.balancer}), event.balancer)
        for number in self.up:
            host = self.hosts[number]
            host.see(self.world, self._states(number))
            if event.kind in (year.ADDED, year.REMOVED):
                host.flip(self.world.table.tolist())
            elif event.kind == year.ENDS:
                host.end_transition()
            elif event.kind == year.SCAN:
                host.scan()

    def _copy(self, source: int, target: int) -> None:
        old, new = self.hosts[source], self.hosts[target]
        new.service.slots, new.service.first = list(old.service.slots), old.service.first
        new.flows.tables = {kind: dict(table) for kind, table in old.flows.tables.items()}
        for mine, theirs in zip(new.service.reals, old.service.reals, strict=True):
            mine.consult = theirs.consult

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        broken = super().judge(event, moved)
        everyone = np.arange(self.size.flows)
        self._touch_looked(everyone)
        answers = [self._send(place, ACK) for place in range(self.size.flows)]
        assert np.flatnonzero(self.home != answers).tolist() == sorted(broken.tolist()), event
        self.judged += len(answers)
        return broken


class WatchedSharing(Sharing, Watched):
    """In this order: the memory is Sharing's, what sees packets is Watched's."""


def live(kind: type[Design], seed: int) -> Any:
    life = Life(SIZE, 0, (kind,), seed)
    life.live(RATES, seed)
    return life.designs


@pytest.mark.parametrize(("kind", "seed"), [(Watched, 1), (WatchedSharing, 2)])
def test_every_packet_gets_the_models_answer(kind: type[Watched], seed: int) -> None:
    for watched in live(kind, seed):  # one for each router
        assert watched.judged > 20_000
        rows = {name for counts in watched.mechanisms.values() for name, count in counts.items() if count}
        assert {"table", "entry", "previous owner"} <= rows


def test_what_is_shared_does_not_break() -> None:
    for shared, alone in zip(live(Sharing, 3), live(Fleet, 3), strict=False):  # with hash-threshold
        assert {kind for kind, count in shared.broken.items() if count} <= {year.SICK}
        assert alone.broken.total() > shared.broken.total()


def test_hash_is_the_models() -> None:
    from tests.bpf.model.hashes import probe as model_probe

    from .hashing import probe

    words = np.random.default_rng(1).integers(0, 1 << 64, 50, np.uint64, endpoint=False)
    for n in range(10):
        assert probe(words, n).tolist() == [model_probe(int(word), n) for word in words]
