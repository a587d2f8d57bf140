"""A year of failures, compressed: what happens when. Rates are per year of life; gaps between events are
divided by `compression`, durations are not, so that events overlap far more often than in life.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

YEAR = 365 * 86400.0
LOST, ROLLED, RETURNS = "a load balancer dies", "a load balancer is rolled", "a load balancer returns"
DIES, BACK = "a real dies", "a real returns"
SICK, WELL = "a real fails its checks but lives", "… and passes them again"
BLIND, SEES = "one load balancer alone sees a real fail", "… and sees it well again"
DRAINED, RESTARTED, DEPLOYED = "10 reals drain", "10 drained reals restart", "10 reals accept again"
ADDED, REMOVED = "2 reals are added", "2 reals are removed"
GONE, ENDS, SCAN = "removed reals may go", "a transition ends", "the flow tables are scanned"


@dataclass(frozen=True)
class Size:
    """How much of everything. `lifetime`: of entries and transitions; `flow_seconds`: of flows, the mean of
    an exponential distribution."""

    balancers: int = 64
    services: int = 100
    reals: int = 100  # of each service
    flows: int = 100_000  # of each service, at any time
    slots: int = 16381
    compression: float = 365.0  # a year in a day
    lifetime: float = 900.0
    flow_seconds: float = 7200.0

    @property
    def seconds(self) -> float:
        return YEAR / self.compression

    @property
    def capacity(self) -> int:
        """Of reals of a service, with those that come later."""
        return self.reals + 32


@dataclass(frozen=True)
class Rates:
    """Times a year; of a load balancer, of a real, or of a service. Durations in seconds."""

    balancer_dies: float = 1
    rollouts: float = 1  # of the fleet, one load balancer after another
    real_dies: float = 0.5
    real_sick: float = 0.25
    real_blind: float = 0.25
    deployments: float = 3  # of a service, by tenths
    changes: float = 12  # of a service's reals
    outage: float = 600.0
    rolled: float = 120.0  # away; the next one leaves 30 s after its return
    flap: float = 30.0
    drain: float = 600.0
    restart: float = 60.0


@dataclass(frozen=True, order=True)
class Event:
    time: float
    kind: str = field(compare=False)
    reals: tuple[int, ...] = field(compare=False, default=())
    balancer: int = field(compare=False, default=-1)


def balancer_events(size: Size, rates: Rates, rng: np.random.Generator) -> list[Event]:
    """The same for every service. A load balancer that is away neither dies nor is rolled."""
    spans = []
    for begin in _times(rates.rollouts, size, rng):
        start = begin
        for number in range(size.balancers):
            spans.append((start, start + rates.rolled, ROLLED, number))
            start += rates.rolled + 30
    for number in range(size.balancers):
        for begin in _times(rates.balancer_dies, size, rng):
            spans.append((begin, begin + rates.outage, LOST, number))
    events, busy = [], dict.fromkeys(range(size.balancers), -1.0)
    for begin, end, kind, number in sorted(spans):
        away = sum(until > begin for until in busy.values())
        if busy[number] < begin and away < size.balancers // 2:
            busy[number] = end
            events += [Event(begin, kind, balancer=number), Event(end, RETURNS, balancer=number)]
    return sorted(events)


def service_events(size: Size, rates: Rates, rng: np.random.Generator) -> list[Event]:
    """Of one service. What falls upon a real that something else has just befallen is for World to skip."""
    events = [Event(at, SCAN) for at in np.arange(0, size.seconds, size.lifetime)]
    one = [(rates.real_dies, rates.outage, DIES, BACK), (rates.real_sick, rates.flap, SICK, WELL)]
    for rate, lasts, begins, ends in one:
        for at in _times(rate * size.reals, size, rng):
            real = (int(rng.integers(size.reals)),)
            events += [Event(at, begins, real), Event(at + lasts, ends, real)]
    for at in _times(rates.real_blind * size.reals, size, rng):
        real, balancer = (int(rng.integers(size.reals)),), int(rng.integers(size.balancers))
        events += [Event(at, BLIND, real, balancer), Event(at + rates.flap, SEES, real, balancer)]
    tenth = max(1, size.reals // 10)
    for at in _times(rates.deployments, size, rng):
        for turn in range(10):
            reals = tuple(range(turn * tenth, (turn + 1) * tenth))
            start = at + turn * (rates.drain + rates.restart + 60)
            events.append(Event(start, DRAINED, reals))
            events.append(Event(start + rates.drain, RESTARTED, reals))
            events.append(Event(start + rates.drain + rates.restart, DEPLOYED, reals))
    for turn, at in enumerate(_times(rates.changes, size, rng)):
        events.append(Event(at, REMOVED if turn % 2 else ADDED))
    return sorted(event for event in events if event.time < size.seconds)


def _times(rate: float, size: Size, rng: np.random.Generator) -> list[float]:
    """Evenly random over the year, exactly as many as the rate says (a fraction is a chance)."""
    count = int(rate) + int(rng.random() < rate - int(rate))
    return sorted(float(at) for at in rng.uniform(0, size.seconds, count))
