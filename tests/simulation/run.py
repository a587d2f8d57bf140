"""One service through its year, in every design; and all services, on all cores."""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from . import year
from .designs import BALANCER_EVENTS, Design, Glb, HostTables, Router, TableOnly
from .ecmp import Resilient, Threshold
from .fleet import Fleet, Lossy, Sharing
from .world import World
from .year import Event, Rates, Size

DESIGNS: tuple[type[Design], ...] = (Sharing, Lossy, Fleet, HostTables, Glb, TableOnly)
# Nothing or least breaks where fewer flows move: not asked about the other router.
ONCE = (Sharing, Lossy)
SEED = 5


@dataclass
class Found:
    """Counts. `events` by kind; `broken`, `own` by design, router, kind; `mechanisms` by mechanism, too."""

    events: Counter[str] = field(default_factory=Counter)
    broken: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    own: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    mechanisms: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        # A load balancer's events are the fleet's, and so the same ones in each service.
        for kind, count in other.events.items():
            self.events[kind] = count if kind in BALANCER_EVENTS else self.events[kind] + count
        self.broken.update(other.broken)
        self.own.update(other.own)
        self.mechanisms.update(other.mechanisms)

    def keep(self, design: Design) -> None:
        router = design.router.name if design.router_matters else "any"
        for kind in self.events:
            key = (design.name, router, kind)
            self.broken[key], self.own[key] = design.broken[kind], design.own[kind]
            for mechanism, count in getattr(design, "mechanisms", {}).get(kind, {}).items():
                self.mechanisms[(*key, mechanism)] = count


class Year:
    """The events of one service's year, those that follow from others put in where they belong."""

    def __init__(self, size: Size, rates: Rates, fleet: Generator, own: Generator) -> None:
        self._end = size.seconds
        self._events = year.balancer_events(size, rates, fleet) + year.service_events(size, rates, own)
        heapq.heapify(self._events)

    def __iter__(self) -> Iterator[Event]:
        while self._events and self._events[0].time < self._end:
            yield heapq.heappop(self._events)

    def add(self, event: Event) -> None:
        heapq.heappush(self._events, event)


class Life:
    """A service, and the same year of it in each of some designs."""

    def __init__(self, size: Size, number: int, designs: tuple[type[Design], ...], seed: int = SEED) -> None:
        rng = np.random.default_rng([seed, 1, number])
        self.world = World(size, number, rng)
        # Routers draw alike for every service: which bucket goes where is the fleet's.
        self.routers: list[Router] = [
            kind(size.balancers, np.random.default_rng([seed, 2])) for kind in (Threshold, Resilient)
        ]
        self.designs = [
            design(self.world, router, np.random.default_rng([seed, 3, number]))
            for router in self.routers
            for design in designs
            if router is self.routers[0] or (design.router_matters and design not in ONCE)
        ]
        self.found = Found()
        # When the flow in each place ends; what begins then is the same in all designs.
        self._rng, self._ends = np.random.default_rng([seed, 5, number]), np.zeros(size.flows)
        self._turn_over(1.0)

    def _turn_over(self, now: float) -> None:
        """What has ended makes room for new flows, which begin under the present state."""
        over, size = np.flatnonzero(self._ends < now), self.world.size
        hashes, ways = self.designs[0].draw(self._rng, len(over)), self._rng.integers(0, 1 << 32, len(over))
        self._ends[over] = now + self._rng.exponential(size.flow_seconds, len(over))
        for design in self.designs:
            design.renew(over, hashes, ways)

    def live(self, rates: Rates, seed: int = SEED) -> Found:
        size, number = self.world.size, self.world.number
        events = Year(size, rates, np.random.default_rng([seed, 0]), np.random.default_rng([seed, 4, number]))
        for event in events:
            self._happen(event, events)
        for design in self.designs:
            self.found.keep(design)
        return self.found

    def _happen(self, event: Event, events: Year) -> None:
        world = self.world
        if event.kind == year.ENDS and event.time != world.ends:
            return  # another flip came meanwhile
        self._turn_over(event.time)
        happened = world.apply(event)
        if happened is None:
            return
        self.found.events[event.kind] += 1
        if event.kind in BALANCER_EVENTS:
            for router in self.routers:
                router.change(world.up)
        for design in self.designs:
            design.take(happened)
        if event.kind in (year.ADDED, year.REMOVED):
            world.ends = event.time + world.size.lifetime
            events.add(Event(world.ends, year.ENDS))
        if event.kind == year.REMOVED:
            events.add(Event(event.time + world.size.flow_seconds, year.GONE, happened.reals))


def service(size: Size, rates: Rates, number: int) -> Found:
    return Life(size, number, DESIGNS).live(rates)


def everything(size: Size, rates: Rates, tell: Callable[[int, Found], object]) -> Found:
    """All services, as many at once as there are cores. tell: how many are done, and what they found."""
    found = Found()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        work = [pool.submit(service, size, rates, number) for number in range(size.services)]
        for done, one in enumerate(work, 1):
            found.add(one.result())
            tell(done, found)
    return found
