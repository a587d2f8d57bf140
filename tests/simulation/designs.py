"""What all designs have: flows that come and go, and the count of those that break. And the designs to
compare with: Maglev without any memory, Maglev with a table of flows on each host, and GitHub's GLB.

A flow *breaks* when a packet of it comes to another real than its first one did. Flows of a real that died or
was restarted are its own loss, in any design alike, and are counted apart. A flow that broke begins anew.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np

from . import year
from .hashing import Bits, Numbers, Words, scaled
from .rules import ACCEPTING, DOWN, NOBODY
from .world import World
from .year import Event

NEVER = np.float32(-1e9)
BALANCER_EVENTS = (year.LOST, year.ROLLED, year.RETURNS)


class Router(Protocol):
    name: str

    def change(self, up: Bits) -> None: ...
    def route(self, ways: Numbers) -> Numbers: ...


class Design:
    """Flows as arrays: `hash`, `ways` (the router's hash), `home` (the real), `at` (the load balancer)."""

    name = ""
    router_matters = True

    def __init__(self, world: World, router: Router, rng: np.random.Generator) -> None:
        self.world, self.router, self._rng = world, router, rng
        size = world.size
        self.size, count = size, size.flows
        self.hash: Words = np.zeros(count, np.uint64)
        self.ways = np.zeros(count, np.int64)
        self.slot = np.zeros(count, np.int64)
        self.at = np.zeros(count, np.int64)
        self.home = np.full(count, NOBODY, np.int64)
        self.broken: Counter[str] = Counter()
        self.own: Counter[str] = Counter()
        self.prepare()

    def prepare(self) -> None:
        """Of what a design keeps beside flows."""

    def renew(self, those: Numbers, hashes: Words, ways: Numbers) -> None:
        """New flows in these places."""
        self.hash[those], self.ways[those] = hashes, ways
        self.slot[those] = scaled(hashes, self.size.slots)
        self.at[those] = self.router.route(ways)
        self.begin(those)

    def again(self, those: Numbers) -> None:
        """New flows, where others are lost; they last as long as those would have."""
        if len(those):
            self.renew(those, self.draw(self._rng, len(those)), self._rng.integers(0, 1 << 32, len(those)))

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> Words:
        """Hashes of new flows."""
        return rng.integers(0, 1 << 64, count, np.uint64, endpoint=False)

    def take(self, event: Event) -> None:
        """After the world has changed."""
        moved = np.zeros(0, np.int64)
        if event.kind in BALANCER_EVENTS:
            now_at = self.router.route(self.ways)
            moved = np.flatnonzero(now_at != self.at)
            self.leave(moved, event)
            self.at[moved] = now_at[moved]
        self.learn(event)
        if event.kind in (year.DIES, year.RESTARTED):
            own = np.flatnonzero(self.among(event)[self.home])
            self.own[event.kind] += len(own)
            self.again(own)
        broken = self.judge(event, moved)
        self.broken[event.kind] += len(broken)
        self.again(broken)

    def among(self, event: Event) -> Bits:
        """By real: whether the event is about it."""
        found = np.zeros(self.size.capacity, bool)
        found[list(event.reals)] = True
        return found

    def begin(self, those: Numbers) -> None:
        """The first packet of each: gives it its home."""
        raise NotImplementedError

    def leave(self, moved: Numbers, event: Event) -> None:
        """Of flows that the router is about to send elsewhere: `at` is still where they were."""

    def learn(self, event: Event) -> None:
        """What the load balancers themselves make of the event."""

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        """The next packet of each flow whose answer may have changed: those that break."""
        raise NotImplementedError


class TableOnly(Design):
    """Maglev, and nothing else: the tables of healthy reals answer for every packet."""

    name = "Maglev without memory"
    router_matters = False

    def begin(self, those: Numbers) -> None:
        self.home[those] = self.world.healthy[self.slot[those]]

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        if event.kind == year.BLIND:
            return np.flatnonzero((self.home == event.reals[0]) & (self.at == event.balancer))
        if not event.reals:
            return moved[:0]
        found: Numbers = np.flatnonzero(self.world.healthy[self.slot] != self.home)
        return found


class HostTables(Design):
    """VC5 and Katran: a Maglev table of healthy reals, and on each host a table of all its flows. Better than
    they are: the table of flows has room for all, and entries of reals that drain or left are honoured."""

    name = "Maglev and flow tables per host"

    def prepare(self) -> None:
        self.last = np.full((self.size.flows, self.size.balancers), NEVER, np.float32)

    def begin(self, those: Numbers) -> None:
        self.home[those] = self.world.healthy[self.slot[those]]
        self.last[those] = NEVER
        self.last[those, self.at[those]] = self.world.now

    def leave(self, moved: Numbers, event: Event) -> None:
        self.last[moved, self.at[moved]] = self.world.now
        if event.kind != year.RETURNS:
            self.last[:, event.balancer] = NEVER

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        if event.kind == year.SICK:
            return np.flatnonzero(self.among(event)[self.home])
        if event.kind == year.BLIND:
            return np.flatnonzero((self.home == event.reals[0]) & (self.at == event.balancer))
        home, at = self.home[moved], self.at[moved]
        kept = self.last[moved, at] >= self.world.now - self.size.lifetime
        answer = np.where(kept, home, self.world.healthy[self.slot[moved]])
        sees = self.world.states(shares=False)[at, home] != DOWN
        self.last[moved, at] = self.world.now
        broken: Numbers = moved[(answer != home) | ~sees]
        return broken


class Glb(Design):
    """GitHub's GLB: each row of a table has a primary and a secondary by rendezvous hashing; a primary that
    does not know a flow sends it on to the secondary. A real that drains or fails is the secondary in its
    rows. Removed reals stay in the table for `lifetime` before they go. No load balancer knows any flow."""

    name = "GLB"
    router_matters = False
    ROWS, DEPTH = 1 << 16, 12

    def prepare(self) -> None:
        draws = self._rng.random((self.ROWS, self.size.capacity), np.float32)
        self._order = np.argsort(draws, axis=1)[:, : self.DEPTH].astype(np.uint8)
        self._members = self.world.configured.copy()
        self._rank()
        self._swap()

    def _rank(self) -> None:
        """The first two members of each row; so many others before them are not to be expected."""
        there = self._members[self._order]
        rows = np.arange(self.ROWS)
        first = there.argmax(axis=1)
        there[rows, first] = False
        self._pairs = self._order[rows, first], self._order[rows, there.argmax(axis=1)]

    def _swap(self) -> None:
        first, second = self._pairs
        good = self.world.state == ACCEPTING
        swapped = ~good[first] & good[second]
        self.primary = np.where(swapped, second, first).astype(np.int64)
        self.secondary = np.where(swapped, first, second).astype(np.int64)

    def rows(self, those: Numbers) -> Numbers:
        return (self.hash[those] >> np.uint64(48)).astype(np.int64)

    def begin(self, those: Numbers) -> None:
        rows = self.rows(those)
        first, second = self.primary[rows], self.secondary[rows]
        self.home[those] = np.where(self.world.state[first] == DOWN, second, first)

    def learn(self, event: Event) -> None:
        if event.kind in (year.ADDED, year.GONE):
            self._members[list(event.reals)] = event.kind == year.ADDED
            self._rank()
        if event.reals and event.kind not in (year.BLIND, year.SEES):
            self._swap()

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        if event.kind not in (year.ADDED, year.GONE):
            return moved[:0]
        rows = self.rows(np.arange(self.size.flows))
        return np.flatnonzero((self.primary[rows] != self.home) & (self.secondary[rows] != self.home))
