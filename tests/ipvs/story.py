"""What becomes of open connections when a real fails, returns, is added, drains, and when another load
balancer takes over: one packet of each at every step, and where it came to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from vc5d.xdp.bpf import Array

from tests.ipvs.balancers import Balancer
from tests.ipvs.wire import Wire

REALS, FAILED, ADDED, DRAINED = tuple(range(11, 21)), 13, 21, 15
OPEN = 4096  # connections
AGAIN, LATER = 1 << 16, 1 << 17  # numbers of those that are opened in place of lost ones, and at the end

Make = Callable[[], Balancer]


@dataclass
class Told:
    """One load balancer's story: of how many connections, how many what."""

    name: str
    steps: dict[str, int] = field(default_factory=dict)


def tell(make: Make, built: Path) -> Told:
    """In a namespace of its own, which ends with it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_tell, make, built).result()


def _tell(make: Make, built: Path) -> Told:
    wire, balancer = Wire(built), make()
    told = Told(balancer.name)
    note = told.steps
    wire.end_with("judge")
    balancer.begin(REALS)
    try:
        opened = wire.where("S", 0, OPEN)
        home = wire.where("A", 0, OPEN)
        note["open"] = OPEN
        note["not at the real that they were opened at"] = _elsewhere(home, opened)

        balancer.fail(FAILED)
        now = wire.where("A", 0, OPEN)
        own = home == FAILED
        lost = int(own.sum())
        note["at the real that fails"] = lost
        note["… told at once, by another real's reset"] = int((now[own] > 0).sum())
        note["… sent nowhere, until the client gives up"] = int((now[own] == 0).sum())
        note["of other reals: broken when it fails"] = _elsewhere(now[~own], home[~own])
        again = wire.where("S", AGAIN, lost)
        note["opened anew meanwhile, and not answered"] = int(((again == 0) | (again == FAILED)).sum())

        balancer.restore(FAILED)
        now = wire.where("A", 0, OPEN)
        note["broken when it returns"] = _elsewhere(now[~own], home[~own])
        note["… of those opened meanwhile"] = _elsewhere(wire.where("A", AGAIN, lost), again)
        note["idle through the outage, and where they were"] = int((now[own] == FAILED).sum())

        balancer.add(ADDED)
        now = wire.where("A", 0, OPEN)
        note["broken when a real is added"] = _elsewhere(now[~own], home[~own])
        note["… of those opened in the outage"] = _elsewhere(wire.where("A", AGAIN, lost), again)

        balancer.drain(DRAINED)
        now = wire.where("A", 0, OPEN)
        note["broken when a real drains"] = _elsewhere(now[~own], home[~own])
        fresh = wire.where("S", LATER, OPEN)
        note["new ones at the draining real, or nowhere"] = int(((fresh == DRAINED) | (fresh == 0)).sum())
    finally:
        balancer.end()
        wire.close()
    return told


def take_over(make: Make, built: Path) -> tuple[str, int, int]:
    """Another load balancer, with the same reals and no memory, gets the packets: its name, how many of the
    open connections break, and how many if a real was added after they were opened."""
    with ThreadPoolExecutor(1) as first:
        name, home = first.submit(_opened, make, built).result()
    with ThreadPoolExecutor(1) as second:
        same = second.submit(_taken, make, built, REALS).result()
    with ThreadPoolExecutor(1) as third:
        more = third.submit(_taken, make, built, (*REALS, ADDED)).result()
    return name, _elsewhere(same, home), _elsewhere(more, home)


def _opened(make: Make, built: Path) -> tuple[str, Array]:
    wire, balancer = Wire(built), make()
    wire.end_with("judge")
    balancer.begin(REALS)
    try:
        wire.where("S", 0, OPEN)
        return balancer.name, wire.where("A", 0, OPEN)
    finally:
        balancer.end()
        wire.close()


def _taken(make: Make, built: Path, reals: tuple[int, ...]) -> Array:
    wire, balancer = Wire(built), make()
    wire.end_with("judge")
    balancer.begin(reals)
    try:
        return wire.where("A", 0, OPEN)
    finally:
        balancer.end()
        wire.close()


def _elsewhere(now: Array, home: Array) -> int:
    return int(np.count_nonzero(now != home))
