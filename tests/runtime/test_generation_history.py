"""Random histories of documents, health, packets, restarts and kills, over maps in memory.

The invariants are those of bpf/DESIGN.md: a flow whose real is not down always gets that real, also while
the real drains and after it left the document; a new flow goes to a real that accepts; and whenever vc5d is
killed, the next one finds the old or the new document whole. Packets are judged by support.packets, which
shares no code with vc5d.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.checking import check_maps
from support.documents import Spec, document
from support.packets import ACCEPTING, DOWN, DRAINING, UP, DataPath, Flow, NotForwarded, packed
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.generation import fill
from vc5d.generation.plan import Outgrown, Plan, make_plan
from vc5d.generation.state import Lines
from vc5d.loading.parts import cut, fingerprint, join, opened
from vc5d.xdp.layout import RealState
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(
    positions4=64,
    positions6=64,
    displacement_lines=8,
    slots_lines=256,
    reals=512,
    services=16,
    accepting_lines=128,
    flows=1024,
    sessions=1024,
)
NUMBERS = range(1, 15)  # of reals; each is one of either address family
SIX, ANY = "2001:db8::1:80:tcp", "192.168.101.2:0:tcp"
SERVICES = ["192.168.101.1:80:tcp", "192.168.101.1:443:tcp", "192.168.101.2:80:tcp", SIX, ANY]
FIRST = ServiceKey("192.168.101.1", 80, "tcp")
SECOND = 10**9
LIFETIME = 64 * SECOND
# A flow that is quiet for longer than this may be forgotten; the rest is the slack of an entry's clock.
QUIET = LIFETIME * 63 // 64
STATES = {ACCEPTING: "accepting", DRAINING: "draining", DOWN: "down"}


def real(service: str, number: int) -> str:
    """The real of that number that a service can have."""
    return f"2001:db8:10::{number}" if service == SIX else f"10.1.10.{number}"


def shown(plan: Plan) -> Any:
    """All that a plan says, with its lines as values."""

    def lines(one: Lines | None) -> Any:
        return one and (one.line, one.size, one.digest, one.mapping, one.clear, one.ends_ns, one.settling)

    services = {
        key: (s.id, s.flags, s.block, s.reals, lines(s.lines), lines(s.first.lines) if s.first else None)
        for key, s in plan.after.services.items()
    }
    writes = [(lines(w.lines), w.mapping, lines(w.before), w.all_slots) for w in plan.tables]
    names = (
        "new_blocks",
        "moves",
        "new_reals",
        "returning",
        "leaving",
        "tables_kept",
        "retired",
        "retired_ids",
    )
    return services, writes, plan.after.links, plan.new_services, [getattr(plan, name) for name in names]


class AtOnce(ThreadPoolExecutor):
    """What upkeep would do in another thread happens when it is asked for, so that a history can be
    repeated."""

    def submit(self, call: Callable[[], Any], /) -> Future[Any]:  # type: ignore[override]
        done: Future[Any] = Future()
        call()
        done.set_result(None)
        return done


class History(RuleBasedStateMachine):
    """One load balancer, and what a perfect observer knows of its flows."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = Maps.in_memory(CAPACITY)
        self.path = DataPath(self.maps)
        self.now = SECOND
        self.parts: dict[Any, Any] = {}
        self.restart()
        self.live: Document
        self.up: set[str] = set()
        self.flows: dict[Flow, tuple[str, int]] = {}  # established: the real, and when a packet came last
        self.ended: list[Flow] = []
        self.opened = 0

    @initialize()
    def first_document(self) -> None:
        reals = [real(SERVICES[0], number) for number in NUMBERS[:6]]
        self.spec = Spec({SERVICES[0]: dict.fromkeys(reals, 1)}, lifetime=64)
        self.live = self._document(self.spec)
        self.plane.apply(self.live)
        for address in reals:
            self.plane.set_state(FIRST, address, RealState.ACCEPTING)

    # -- documents ---------------------------------------------------------------------------------

    @rule(
        service=st.sampled_from(SERVICES),
        add=st.sets(st.sampled_from(NUMBERS), max_size=8),
        remove=st.sets(st.sampled_from(NUMBERS), max_size=3),
        size=st.sampled_from([61, 61, 61, 127]),
        seed=st.sampled_from([0, 0, 0, 0, 7]),
        weight=st.sampled_from([1, 1, 3]),
        kill=st.one_of(st.none(), st.integers(0, 14)),
        chance=st.integers(0, 1 << 16),
    )
    def change_reals(
        self,
        service: str,
        add: set[int],
        remove: set[int],
        size: int,
        seed: int,
        weight: int,
        kill: int | None,
        chance: int,
    ) -> None:
        spec = deepcopy(self.spec)
        reals = spec.services.setdefault(service, {real(service, number): 1 for number in NUMBERS[:3]})
        for number in sorted(remove):
            if len(reals) > 2:
                reals.pop(real(service, number), None)
        reals.update({real(service, number): weight for number in sorted(add)})
        spec.sizes[service] = size
        spec.seed = seed
        self._apply(spec, kill)
        self.traffic(chance, 10, 0)

    @precondition(lambda self: len(self.spec.services) > 1)
    @rule(service=st.sampled_from(SERVICES), kill=st.sampled_from([None, 3, 7, 9, 11]))
    def remove_service(self, service: str, kill: int | None) -> None:
        spec = deepcopy(self.spec)
        if service in spec.services and len(spec.services) > 1:
            del spec.services[service]
            self._apply(spec, kill)

    @rule(service=st.sampled_from(SERVICES), other=st.sampled_from(SERVICES))
    def make_equal(self, service: str, other: str) -> None:
        """Services with equal tables share lines."""
        spec = deepcopy(self.spec)
        if service in spec.services and other in spec.services and (service == SIX) == (other == SIX):
            spec.services[service] = dict(spec.services[other])
            spec.sizes[service] = spec.sizes.get(other, spec.size)
            self._apply(spec, None)

    @rule(
        service=st.sampled_from(SERVICES),
        kill=st.one_of(st.none(), st.integers(0, 14)),
        chance=st.integers(0, 1 << 16),
    )
    def hash_otherwise(self, service: str, kill: int | None, chance: int) -> None:
        """The service becomes sticky, or is so no longer."""
        spec = deepcopy(self.spec)
        spec.sticky ^= {service}
        self._apply(spec, kill)
        self.traffic(chance, 10, 0)

    @rule(service=st.sampled_from(SERVICES), scheduler=st.sampled_from(["maglev", "leastconn"]))
    def schedule(self, service: str, scheduler: str) -> None:
        """By least connections, flows are where the table does not have them."""
        spec = deepcopy(self.spec)
        spec.scheduler[service] = scheduler
        self._apply(spec, None)

    @rule(chance=st.integers(0, 1 << 16))
    def loads(self, chance: int) -> None:
        draw = random.Random(chance)
        self.plane.set_loads(
            {(key, a): draw.randrange(5) for key, s in self.live.services.items() for a in s.reals}
        )

    @rule(data=st.data(), up=st.booleans())
    def change_vip(self, data: st.DataObject, up: bool) -> None:
        vip = data.draw(st.sampled_from(sorted(self.live.vips)))
        assert self.plane.set_vip(vip, up) == ((vip in self.up) != up)
        (self.up.add if up else self.up.discard)(vip)

    def _apply(self, spec: Spec, kill: int | None) -> None:
        new = self._document(spec)
        try:
            if kill is None:
                self._plan(new)
                self.plane.apply(new)
            else:
                self._apply_and_kill(new, kill)
        except Outgrown:
            return  # too much drains just now; nothing may have changed
        if self.plane.state.digest == new.digest:
            self.spec, self.live = spec, new
            self.up &= set(new.vips)
        gone = {str(key) for key in self.plane.state.services} ^ {*map(str, self.live.services)}
        assert not gone
        self.flows = {f: v for f, v in self.flows.items() if f.service in spec.services}
        for service in SERVICES:  # a service that left and comes again starts anew: so do its clients
            if service not in self.spec.services:
                self.ended = [flow for flow in self.ended if flow.service != service]
                self._forget_entries(service)

    def _document(self, spec: Spec) -> Document:
        """As it comes into vc5d: what did not change is the very object that an earlier document had."""
        found = {}
        for name, part in cut(document(spec)):
            known = name, fingerprint(part)
            if known not in self.parts:
                self.parts[known] = opened(name, pickle.loads(part), {})
            found[name] = self.parts[known]
        return join(found)

    def _plan(self, new: Document) -> Plan:
        """It is the same whether or not what did not change is looked at."""
        known = self.plane.state, new, CAPACITY, self.maps.slots
        quick, whole = make_plan(*known, self.plane._document), make_plan(*known)
        assert shown(quick) == shown(whole)
        return quick

    def _apply_and_kill(self, new: Document, after: int) -> None:
        plan = self._plan(new)
        steps: Iterator[str] = fill.steps(self.maps, self.plane.state, plan, lambda: self.now)
        for _ in range(after):
            next(steps, None)
        steps.close()  # type: ignore[attr-defined]
        self.restart()

    def _forget_entries(self, service: str) -> None:
        address, port, _ = service.rsplit(":", 2)
        vip = packed(address)
        for flows in self.path.flows.values():
            for key in list(flows):
                dport = int.from_bytes(key[-2:], "big")
                if key[len(vip) : 2 * len(vip)] == vip and (
                    dport == int(port) or (port == "0" and dport >= 8000)
                ):
                    del flows[key]

    @rule()
    def restart(self) -> None:
        self.plane = Dataplane(self.maps, clock=lambda: self.now, scan_ns=0)
        self.plane._upkeep._thread = AtOnce(1)

    # -- health ------------------------------------------------------------------------------------

    @rule(
        data=st.data(),
        state=st.sampled_from([RealState.ACCEPTING, RealState.ACCEPTING, RealState.DRAINING, RealState.DOWN]),
        chance=st.integers(0, 1 << 16),
    )
    def change_health(self, data: st.DataObject, state: RealState, chance: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.live.services)))
        address = data.draw(st.sampled_from(sorted(self.plane.state.services[key].reals)))
        if address not in self.live.services[key].reals and state == RealState.ACCEPTING:
            state = RealState.DOWN
        self.set_health(key, address, state)
        self.traffic(chance, 10, 0)

    def set_health(self, key: ServiceKey, address: str, state: RealState) -> None:
        before = self._state(str(key), address)
        changed = self.plane.set_state(key, address, state)
        assert changed == (before != state)
        assert self._state(str(key), address) == state
        if state == RealState.DOWN:
            self.flows = {f: v for f, v in self.flows.items() if (f.service, v[0]) != (str(key), address)}

    @rule()
    def everyone_accepts(self) -> None:
        for key, service in self.live.services.items():
            for address in service.reals:
                self.plane.set_state(key, address, RealState.ACCEPTING)

    # -- time --------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 20, 40]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.path.now = self.now
        for flow, (_, last) in list(self.flows.items()):
            if self.now - last > QUIET:
                del self.flows[flow]
                self.ended.append(flow)
        self.plane.tick(self.now)

    @rule()
    def whole_lifetime(self) -> None:
        """Every flow stays active through a lifetime, so transitions end with flows alive."""
        for _ in range(5):
            self.send_everywhere()
            self.pass_time(20)
        self.send_everywhere()

    @rule(steps=st.integers(1, 6))
    def some_upkeep(self, steps: int) -> None:
        """Only a few steps of it: everything else may come in between."""
        for _ in range(steps):
            self.plane.tick(self.now, budget_ns=0)

    # -- packets -----------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 1 << 16), new=st.integers(10, 60), reused=st.sampled_from([0, 0.5]))
    def traffic(self, seed: int, new: int, reused: float) -> None:
        """New flows, packets of some of the old ones, ends of a few."""
        chance = random.Random(seed)
        services = sorted(self.spec.services)
        for _ in range(new):
            if self.ended and chance.random() < reused:
                flow = self.ended.pop(chance.randrange(len(self.ended)))  # a tuple used again
            else:
                self.opened += 1
                flow = self._new_flow(chance.choice(services), chance.randrange(1024, 65536))
            self._open(flow)
        for flow in list(self.flows):
            if chance.random() < 0.5:
                self._send(flow)
            elif chance.random() < 0.1:
                del self.flows[flow]
                self.ended.append(flow)

    def _new_flow(self, service: str, sport: int) -> Flow:
        if service == SIX:
            return Flow(f"2001:db8:99::{self.opened:x}", sport, service)
        source = f"10.99.{self.opened >> 8}.{self.opened & 255}"
        return Flow(source, sport, service, 8000 + self.opened % 1000 if service == ANY else 0)

    @rule()
    def send_everywhere(self) -> None:
        for flow in self.flows:
            self._send(flow)

    def _open(self, flow: Flow) -> None:
        try:
            real = self.path.packet(flow, syn=True)
        except NotForwarded:
            assert not self._accepting(flow.service)
            return
        assert real in self._accepting(flow.service), "a new flow goes to a real that accepts"
        self.flows[flow] = (real, self.now)

    def _send(self, flow: Flow) -> None:
        real, _ = self.flows[flow]
        assert self.path.packet(flow, syn=False) == real, "an established flow keeps its real"
        self.flows[flow] = (real, self.now)

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def maps_are_whole(self) -> None:
        check_maps(self.maps, self.live)

    @invariant()
    def vips_are_up(self) -> None:
        up = {vip for vip in self.live.vips if getattr(self.path.find(vip, 0, 0), "flags", 0) & UP}
        assert up == self.up

    @invariant()
    def lines_know_themselves(self) -> None:
        for service in self.plane.state.services.values():
            words = self.maps.slots[service.lines.slots] >> 14
            assert service.lines.clear <= (not words.any())
            waits = service.lines.ends_ns is not None or service.lines.settling
            assert bool((words == 1).any()) <= waits

    def teardown(self) -> None:
        """Once all is quiet nothing is left of what was: no state, no draining real, no first table."""
        if not hasattr(self, "live"):
            return
        self.everyone_accepts()
        for _ in range(4):
            self.flows.clear()
            self.pass_time(40)
        for key, service in self.plane.state.services.items():
            assert service.lines.clear, "every slot is clear again"
            assert service.first is None
            assert service.reals.keys() == self.live.services[key].reals.keys(), "removed reals are freed"
        states = set(self.maps.reals["state"].tolist())
        assert states <= {0, ACCEPTING}, "no consult bit is left"
        check_maps(self.maps, self.live)

    def _state(self, service: str, address: str) -> int:
        return self._states(service).get(address, 0)

    def _accepting(self, service: str) -> set[str]:
        return {address for address, state in self._states(service).items() if state == ACCEPTING}

    def _states(self, service: str) -> dict[str, int]:
        number = self.path.service(service).id
        entries = [i for i in range(1, CAPACITY.reals) if int(self.maps.reals["service"][i]) == number]
        return {self.path.address(i): self.path.state(i) for i in entries if self.path.state(i)}


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=int(os.environ.get("VC5_HISTORIES", "15")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def dense(seed: int, steps: int = 150) -> None:
    """One long history in which much happens to the same service, as hypothesis seldom arranges it."""
    chance, machine = random.Random(seed), History()
    machine.first_document()
    for _ in range(steps):
        event = chance.random()
        service = chance.choice([SERVICES[0], SIX] * 3 + SERVICES)
        if event < 0.12:
            add = set(chance.sample(NUMBERS, chance.choice([0, 1, 1, 2, 6])))
            remove = set(chance.sample(NUMBERS, chance.choice([0, 1, 2, 4])))
            size, new_seed = chance.choice([61, 61, 61, 61, 127]), chance.choice([0] * 9 + [7])
            kill = chance.choice([None, None, None, chance.randrange(14)])
            machine.change_reals(service, add, remove, size, new_seed, 1, kill, seed)
        elif event < 0.13:
            machine.hash_otherwise(service, chance.choice([None, chance.randrange(14)]), seed)
        elif event < 0.135:
            machine.schedule(service, chance.choice(["maglev", "leastconn"]))
        elif event < 0.14:
            machine.loads(seed)
        elif event < 0.15:
            machine.make_equal(service, chance.choice(SERVICES))
        elif event < 0.16:
            machine.remove_service(SERVICES[2], None)
        elif event < 0.3:
            key = chance.choice(sorted(machine.live.services))
            address = chance.choice(sorted(machine.plane.state.services[key].reals))
            states = [RealState.ACCEPTING] * 3 + [RealState.DRAINING, RealState.DOWN]
            left = address not in machine.live.services[key].reals
            machine.set_health(key, address, chance.choice(states[-2:] if left else states))
        elif event < 0.35:
            machine.everyone_accepts()
        elif event < 0.37:
            machine.restart()
        elif event < 0.7:
            machine.traffic(chance.randrange(1 << 16), 20, 0.2)
            machine.pass_time(chance.choice([1, 2, 5]))
        else:
            machine.send_everywhere()
            machine.pass_time(chance.choice([5, 10, 20]))
        machine.some_upkeep(chance.randrange(1, 4))
        machine.maps_are_whole()
        machine.vips_are_up()
        machine.lines_know_themselves()
    machine.send_everywhere()
    machine.teardown()


@pytest.mark.parametrize("seed", range(int(os.environ.get("VC5_HISTORIES", "8"))))
def test_dense_history(seed: int) -> None:
    dense(seed)
