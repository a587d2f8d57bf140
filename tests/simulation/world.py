"""One service as it is: which reals are configured and how they are, which load balancers are up, and the
tables that each design makes of that. Flows are the designs' own business (designs.py, fleet.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from vc5c import maglev
from vc5c.addresses import Address
from vc5c.resolved import TableSpec

from . import year
from .hashing import Bits, Numbers
from .rules import ABSENT, ACCEPTING, DOWN, DRAINING
from .year import Event, Size


class World:
    def __init__(self, size: Size, number: int, rng: np.random.Generator) -> None:
        self.size, self.number, self.now, self._rng = size, number, 0.0, rng
        self._addresses = [
            Address((0x0A000001 + number * 256 + real).to_bytes(4)) for real in range(size.capacity)
        ]
        self.state = np.full(size.capacity, ABSENT, np.uint8)
        self.state[: size.reals] = ACCEPTING
        self.configured: Bits = self.state == ACCEPTING
        self.blind = np.zeros((size.balancers, size.capacity), bool)
        self.up = np.ones(size.balancers, bool)
        self.hidden = np.zeros(size.capacity, bool)  # reals that live though every check fails
        self.table = self._fill(self.configured)  # this design's: reals that are down keep their slots
        self.healthy = self.table  # of the others: reals that are down or drain have none
        self._spare = list(range(size.reals, size.capacity))
        self.ends = 0.0  # of the transition, if there is one

    def _fill(self, members: Bits) -> Numbers:
        """The project's own Maglev table, as numbers of reals."""
        numbers = np.flatnonzero(members)
        group = tuple(self._addresses[number] for number in numbers)
        slots = maglev.fill(TableSpec(self.size.slots, group, (1,) * len(group)))
        owners: Numbers = numbers[np.frombuffer(slots, "<u2")]
        return owners

    def apply(self, event: Event) -> Event | None:
        """Makes it so. The event with what it really concerns; None: it falls upon what is so no more."""
        self.now = event.time
        kind, state = event.kind, self.state
        if kind in (year.LOST, year.ROLLED, year.RETURNS):
            self.up[event.balancer] = kind == year.RETURNS
            if kind == year.RETURNS:
                self.blind[event.balancer] = False
            return event
        if kind in (year.ADDED, year.REMOVED):
            return self._change(event)
        if kind in (year.BLIND, year.SEES):
            if not self.up[event.balancer] or state[event.reals[0]] != ACCEPTING:
                return None
            self.blind[event.balancer, event.reals[0]] = kind == year.BLIND
            return event
        if kind in _STEPS:
            return self._reals(event)
        return event

    def _reals(self, event: Event) -> Event | None:
        before, after, hidden = _STEPS[event.kind]
        those = np.array(event.reals)
        fitting = (self.state[those] == before) & (self.hidden[those] == (event.kind == year.WELL))
        those = those[fitting & self.configured[those]]
        if not len(those):
            return None
        self.state[those] = after
        self.hidden[those] = hidden
        self.blind[:, those] = False
        self.healthy = self._fill(self.configured & (self.state == ACCEPTING))
        return replace(event, reals=tuple(those.tolist()))

    def _change(self, event: Event) -> Event | None:
        if event.kind == year.ADDED:
            if len(self._spare) < 2:
                return None
            reals = (self._spare.pop(), self._spare.pop())
            self.state[list(reals)] = ACCEPTING
        else:
            good = np.flatnonzero(self.configured & (self.state == ACCEPTING))
            if len(good) < self.size.reals // 2:
                return None
            reals = tuple(self._rng.choice(good, 2, replace=False).tolist())
            self.state[list(reals)] = DRAINING
        self.configured[list(reals)] = event.kind == year.ADDED
        self.table = self._fill(self.configured)
        self.healthy = self._fill(self.configured & (self.state == ACCEPTING))
        return replace(event, reals=reals)

    def states(self, shares: bool) -> npt.NDArray[np.uint8]:
        """By load balancer and real. One that alone sees a real fail takes it as draining when it hears from
        peers that it lives, else as down."""
        seen = np.broadcast_to(self.state, self.blind.shape).copy()
        alone = self.blind & (self.up[:, None] & ~self.blind).any(axis=0) if shares else np.zeros(1, bool)
        seen[self.blind & (seen == ACCEPTING)] = DOWN
        seen[alone & (seen == DOWN) & (self.state == ACCEPTING)] = DRAINING
        return seen


# Event: the state that it begins from, and the state and `hidden` that it ends in.
_STEPS = {
    year.DIES: (ACCEPTING, DOWN, False),
    year.BACK: (DOWN, ACCEPTING, False),
    year.SICK: (ACCEPTING, DOWN, True),
    year.WELL: (DOWN, ACCEPTING, False),
    year.DRAINED: (ACCEPTING, DRAINING, False),
    year.RESTARTED: (DRAINING, DOWN, False),
    year.DEPLOYED: (DOWN, ACCEPTING, False),
}
