"""vc5d is killed after each step of an apply: the next one finds the old or the new document, whole.

The apply that is cut short has everything in it: a real that leaves while it accepts and one that is down,
one that comes back while it drains, a block that is outgrown, tables that are shared, a service that is new,
one that goes, and a transition under way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import pytest
from support.checking import check_maps
from support.documents import Spec, document
from support.packets import DataPath, Flow
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.generation import fill
from vc5d.generation.plan import make_plan
from vc5d.generation.transition import end_transitions
from vc5d.xdp.layout import RealState
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 1024)
SECOND = 10**9
ONE, TWO, THREE, GONE = (f"192.168.101.{n}:80:tcp" for n in (1, 2, 3, 4))
ANY = "192.168.101.2:0:udp"
KEY = ServiceKey("192.168.101.1", 80, "tcp")
POOL = [f"10.1.10.{n}" for n in range(1, 16)]
LEAVES, IS_DOWN, RETURNS = POOL[0], POOL[1], POOL[2]


def reals(*addresses: str) -> dict[str, int]:
    return dict.fromkeys(addresses, 1)


SIX = "2001:db8::1:80:tcp"
POOL6 = [f"2001:db8:10::{n}" for n in range(1, 7)]
FIRST = document(
    Spec({ONE: reals(*POOL[:5]), TWO: reals(*POOL[:5]), GONE: reals(*POOL[:2]), SIX: reals(*POOL6[:5])})
)
OLD = document(
    Spec(
        {
            ONE: reals(LEAVES, IS_DOWN, *POOL[3:5]),
            TWO: reals(*POOL[:5]),
            GONE: reals(*POOL[:2]),
            SIX: reals(*POOL6[1:5]),
        }
    )
)
NEW = document(
    Spec(
        {
            ONE: reals(*POOL[2:15]),
            TWO: reals(*POOL[1:5]),
            THREE: reals(*POOL[2:15]),
            SIX: reals(*POOL6),
            ANY: reals(*POOL[:3]),
        },
        lifetime=90,
        sticky={TWO, SIX},
    )
)


def clock() -> int:
    return SECOND


def accept(plane: Dataplane, live: Document) -> None:
    for key, service in live.services.items():
        for address in service.reals:
            plane.set_state(key, address, RealState.ACCEPTING)


def before(maps: Maps) -> tuple[Dataplane, dict[Flow, str]]:
    """OLD is live, and these flows are established."""
    plane = Dataplane(maps, clock, scan_ns=0)
    plane.apply(FIRST)
    accept(plane, FIRST)
    path = DataPath(maps)
    flows = [Flow(f"10.99.0.{n % 250}", 1024 + n, (ONE, TWO)[n % 2]) for n in range(240)]
    flows += [Flow(f"2001:db8:99::{n}", 1024, SIX) for n in range(100)]
    reached = {flow: path.packet(flow, syn=True) for flow in flows}
    plane.apply(OLD)
    plane.set_state(KEY, IS_DOWN, RealState.DOWN)
    plane.set_vip("192.168.101.1", True)
    plane.set_vip("2001:db8::1", True)
    return plane, {flow: real for flow, real in reached.items() if (flow.service, real) != (ONE, IS_DOWN)}


def step_names() -> list[str]:
    maps = Maps.in_memory(CAPACITY)
    plane, _ = before(maps)
    plan = make_plan(plane.state, NEW, CAPACITY, maps.slots)
    assert plan.moves
    assert plan.returning
    assert plan.leaving[KEY]
    assert plan.retired_ids
    assert plan.new_services == 2
    return list(fill.steps(maps, plane.state, plan, clock))


STEPS = step_names()
FLIP = STEPS.index(fill.FLIP) + 1


@pytest.mark.parametrize(
    "done", range(len(STEPS) + 1), ids=["nothing", *(f"{n}-{s}" for n, s in enumerate(STEPS, 1))]
)
def test_killed_after(done: int) -> None:
    maps = Maps.in_memory(CAPACITY)
    plane, flows = before(maps)
    plan = make_plan(plane.state, NEW, CAPACITY, maps.slots)
    steps = fill.steps(maps, plane.state, plan, clock)
    for _ in range(done):
        next(steps)
    live = OLD if done < FLIP else NEW
    path = DataPath(maps)
    path.now = SECOND
    assert {flow: path.packet(flow, syn=False) for flow in flows} == flows, "also while nobody is there"

    plane = Dataplane(maps, clock, scan_ns=0)
    assert plane.state.digest == live.digest
    check_maps(maps, live)
    assert plane.state.up == {"192.168.101.1", "2001:db8::1"}
    assert {flow: path.packet(flow, syn=False) for flow in flows} == flows
    owned = {i for s in plane.state.services.values() for i in range(maps.capacity.reals)[s.block.entries]}
    strangers = set(np.flatnonzero(maps.reals["service"]).tolist()) - owned
    assert not strangers, "what only the other generation used is cleared"

    plane.apply(NEW)
    check_maps(maps, NEW)
    assert {flow: path.packet(flow, syn=False) for flow in flows} == flows
    for seconds in (60, 92):  # the flows are active through the transition
        path.now = seconds * SECOND
        plane.tick(path.now)
        check_maps(maps, NEW)
        assert {flow: path.packet(flow, syn=False) for flow in flows} == flows
    states = plane.snapshot().services[ONE].reals
    assert (LEAVES in states, IS_DOWN in states, RETURNS in states) == (True, False, True)


def test_the_clock_of_a_transition_starts_again() -> None:
    maps = Maps.in_memory(CAPACITY)
    before(maps)
    plane = Dataplane(maps, lambda: 50 * SECOND, scan_ns=0)
    plane.tick(109 * SECOND)
    assert plane.snapshot().services[ONE].slots["transition"]
    plane.tick(110 * SECOND)
    assert plane.snapshot().services[ONE].slots["transition"] == 0


def at_once(call: Callable[[], None]) -> Future[None]:
    call()
    return Future()


def test_killed_while_a_transition_ends() -> None:
    """After any step: what begins from then on is the present table's, and the next flip does not take it for
    an older table's."""
    steps = 0
    while True:
        maps = Maps.in_memory(CAPACITY)
        plane, flows = before(maps)
        path = DataPath(maps)
        path.now = 61 * SECOND
        assert {flow: path.packet(flow, syn=False) for flow in flows} == flows
        ending = end_transitions(maps, plane.state, 62 * SECOND, at_once)
        if len(list(itertools.islice(ending, steps))) < steps:
            break
        plane = Dataplane(maps, clock, scan_ns=0)
        begun = [Flow("10.99.1.1", 1024 + n, ONE) for n in range(200)]
        flows |= {flow: path.packet(flow, syn=True) for flow in begun}
        plane.apply(NEW)
        assert {flow: path.packet(flow, syn=False) for flow in flows} == flows, f"after step {steps}"
        check_maps(maps, NEW)
        steps += 1
    assert steps > 3


def test_killed_before_the_first_document_was_live() -> None:
    maps = Maps.in_memory(CAPACITY)
    plane = Dataplane(maps, clock)
    plan = make_plan(plane.state, FIRST, CAPACITY, maps.slots)
    steps = fill.steps(maps, plane.state, plan, clock)
    while next(steps) != "generation":
        pass
    again = Dataplane(maps, clock)
    assert not again.state.services
    assert not maps.reals.view("u1").any()
    again.apply(FIRST)
    check_maps(maps, FIRST)
