"""This design: tables, slots in transition, and memory only of what the tables cannot answer; alone on each
host, or shared in the fleet.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from . import rules, year
from .designs import BALANCER_EVENTS, NEVER, Design
from .hashing import Bits, Numbers, Words, bit
from .rules import ACCEPTING, NOBODY, View
from .year import Event

Times = npt.NDArray[np.float32]  # by flow and load balancer; shared, by flow
_CHANGE_SLOTS = (year.RETURNS, year.ADDED, year.REMOVED, year.ENDS, year.SCAN)
_ACCEPTS_AGAIN = (year.BACK, year.WELL, year.DEPLOYED)


class Fleet(Design):
    """Entries lie on the load balancer that stored them, until `lifetime` after the flow's last packet there.
    An entry's real is the flow's home: a flow that gets another real has broken and begins anew."""

    name = "this design, sharing off"
    shares = False

    def prepare(self) -> None:
        size = self.size
        by_real, by_slot = (size.balancers, size.capacity), (size.balancers, size.slots)
        self.consulted = np.zeros(by_real, bool)
        self.transition, self.consult = np.zeros(by_slot, bool), np.zeros(by_slot, bool)
        self.first = np.full(size.balancers, NOBODY)
        self.tables: list[Numbers] = []
        self.table = self.world.table
        self.kept = np.zeros(size.flows, bool)
        self.mechanisms: dict[str, Counter[str]] = {}
        self.slots_changed = True
        self._make_memory()
        self._look()

    def _look(self) -> None:
        states = self.world.states(self.shares)
        if self.slots_changed:
            self.clear = ~(self.transition | self.consult)
            self.slots_changed = False
        self.view = View(
            self.table, self.tables, states, self.consulted, self.transition, self.clear, self.first
        )

    # Memory: here alone, in Sharing of the fleet's

    def _make_memory(self) -> None:
        self.last: Times = np.full((self.size.flows, self.size.balancers), NEVER, np.float32)

    def _has(self, those: Numbers, at: Numbers) -> Bits:
        found: Bits = self.kept[those] & (self.last[those, at] >= self.world.now - self.size.lifetime)
        return found

    def _store(self, those: Numbers) -> None:
        self.last[those[~self.kept[those]]] = NEVER  # of the flow that was in this place before
        self.kept[those] = True
        self.last[those, self.at[those]] = self.world.now

    def _touch(self, those: Numbers) -> None:
        self.last[those, self.at[those]] = self.world.now

    def _lose(self, balancer: int) -> None:
        """What a load balancer knew goes with it."""
        self.last[:, balancer] = NEVER

    def _start(self, balancer: int) -> None:
        for flags in (self.consulted, self.transition, self.consult):
            flags[balancer] = False
        self.first[balancer] = NOBODY

    def _needs(self, those: Numbers) -> tuple[Bits, Bits]:
        """By load balancer: the slots of entries that lie there, and the owners of these slots."""
        slots, reals = np.zeros_like(self.consult), np.zeros_like(self.consulted)
        living: Bits = self.last[those] >= self.world.now - self.size.lifetime
        flows, at = np.nonzero(living)
        found = self.slot[those[flows]]
        slots[at, found] = True
        reals[at, self.table[found]] = True
        return slots, reals

    # What happens

    def begin(self, those: Numbers) -> None:
        self.kept[those] = False
        self.home[those], stored = rules.syn(self.view, self.at[those], self.hash[those])
        self._store(those[stored])

    def leave(self, moved: Numbers, event: Event) -> None:
        self._touch_looked(moved)

    def _touch_looked(self, those: Numbers) -> None:
        those = those[self.kept[those]]
        at, slots = self.at[those], self.slot[those]
        looks = self.view.looks(at, slots, self.table[slots])
        self._touch(those[looks & self._has(those, at)])

    def learn(self, event: Event) -> None:
        if event.kind in (year.LOST, year.ROLLED):
            self._lose(event.balancer)
        elif event.kind == year.RETURNS:
            self._start(event.balancer)
        elif event.kind in _ACCEPTS_AGAIN:
            self.consulted[:, list(event.reals)] = True
        elif event.kind == year.SEES:
            self.consulted[event.balancer, event.reals[0]] = True
        elif event.kind in (year.ADDED, year.REMOVED):
            self._flip()
        elif event.kind == year.ENDS:
            self.consult |= self.transition
            self.transition[:] = False
            self.first[:] = NOBODY
            self.tables.clear()
        elif event.kind == year.SCAN:
            self._scan()
        self.slots_changed |= event.kind in _CHANGE_SLOTS
        self._look()

    def _flip(self) -> None:
        changed = self.world.table != self.table
        self.tables.append(self.table)
        self.first[self.first == NOBODY] = len(self.tables) - 1
        self.transition[:, changed] = True
        self.table = self.world.table

    def _scan(self) -> None:
        """Touch what was looked up; clear what no entry needs."""
        kept = np.flatnonzero(self.kept)
        self._touch_looked(kept)
        owners = self.table[self.slot[kept]]
        slots, reals = self._needs(kept[owners != self.home[kept]])
        self.consult &= slots
        self.consulted &= reals

    def judge(self, event: Event, moved: Numbers) -> Numbers:
        those = self._at_stake(event, moved)
        if not len(those):
            return those
        slots, at = self.slot[those], self.at[those]
        owners = self.table[slots]
        looks = self.view.looks(at, slots, owners)
        count = self.mechanisms.setdefault(event.kind, Counter())
        fast = those[~looks]
        wrong = fast[self.home[fast] != owners[~looks]]
        count[ROWS[rules.FAST]] += len(fast) - len(wrong)
        return np.concatenate((wrong, self._look_up(those[looks], count)))

    def _look_up(self, those: Numbers, count: Counter[str]) -> Numbers:
        home, at = self.home[those], self.at[those]
        entries = np.where(self._has(those, at), home, NOBODY)
        answers, rows = rules.established(self.view, at, self.hash[those], entries)
        right = answers == home
        self._store(those[(rows == rules.PREVIOUS) & right])
        for row, name in ROWS.items():
            count[name] += int(np.count_nonzero(right & (rows == row)))
        broken: Numbers = those[~right]
        return broken

    def _at_stake(self, event: Event, moved: Numbers) -> Numbers:
        """Of all others nothing has changed on which their answer depends."""
        if event.kind in BALANCER_EVENTS:
            return moved
        if event.kind in (year.ADDED, year.REMOVED, year.ENDS):
            return np.arange(self.size.flows)
        if not event.reals or event.kind == year.GONE:
            return moved[:0]
        touched = self.among(event) | (self.world.state != ACCEPTING) | self.world.blind.any(axis=0)
        found = touched[self.table[self.slot]] | touched[self.home]
        if self.tables:  # previous owners matter, too
            found |= np.asarray(self.transition.any(axis=0))[self.slot]
        return np.flatnonzero(found)


ROWS = {
    rules.FAST: "table",
    rules.ENTRY: "entry",
    rules.PREVIOUS: "previous owner",
    rules.PREVIOUS_AGAIN: "previous owner",
    rules.OWNER: "owner that drains, or is looked up",
    rules.CHOSEN: "the same second choice",
}


class Sharing(Fleet):
    """Every entry is told to all at once; each peer misses it with a chance of 1 to 2 ** `thin`, and hears of
    it again once a lifetime. One that starts has everything from a peer. thin 0: none is lost."""

    name = "this design"
    shares = True
    thin = 0

    def _make_memory(self) -> None:
        self.last = np.full(self.size.flows, NEVER, np.float32)
        self.lacks = np.zeros(self.size.flows, np.uint64)

    def _has(self, those: Numbers, at: Numbers) -> Bits:
        found: Bits = self._recent(those) & (self.lacks[those] & bit(at) == 0)
        return found

    def _store(self, those: Numbers) -> None:
        if not len(those):
            return
        self.kept[those] = True
        self.last[those] = self.world.now
        at = self.at[those]
        self.lacks[those] = self._lost(len(those)) & ~bit(at)
        # What comes from a peer sets `consult` on the owner here.
        owners = self.table[self.slot[those]]
        heard = ((self.lacks[those, None] >> np.arange(self.size.balancers, dtype=np.uint64)) & 1) == 0
        heard[np.arange(len(those)), at] = False
        flows, peers = np.nonzero(heard)
        self.consulted[peers, owners[flows]] = True

    def _lost(self, count: int) -> Words:
        """Who misses it, as bits."""
        lost = np.full(count, ~np.uint64(0) if self.thin else 0, np.uint64)
        for _ in range(self.thin):
            lost &= self._rng.integers(0, 1 << 64, count, np.uint64, endpoint=False)
        return lost

    def _recent(self, those: Numbers) -> Bits:
        found: Bits = self.kept[those] & (self.last[those] >= self.world.now - self.size.lifetime)
        return found

    def _touch(self, those: Numbers) -> None:
        self.last[those] = self.world.now

    def _lose(self, balancer: int) -> None:
        """Its peers have it all."""

    def _start(self, balancer: int) -> None:
        peers = np.flatnonzero(self.world.up)
        peer = int(peers[peers != balancer][0])
        for flags in (self.consulted, self.transition, self.consult):
            flags[balancer] = flags[peer]
        self.first[balancer] = self.first[peer]
        self.lacks &= ~bit(balancer)

    def _needs(self, those: Numbers) -> tuple[Bits, Bits]:
        """Who misses an entry keeps the bits all the same."""
        slots, reals = np.zeros(self.size.slots, bool), np.zeros(self.size.capacity, bool)
        found = self.slot[those[self._recent(those)]]
        slots[found] = reals[self.table[found]] = True
        return slots, reals

    def _scan(self) -> None:
        if self.thin:
            kept = np.flatnonzero(self.kept & (self.lacks != 0))
            self.lacks[kept] &= self._lost(len(kept))
        super()._scan()


class Lingering(Sharing):
    """`linger`: a real that fails its checks everywhere keeps its established flows for so long; longer than
    it is sick here."""

    name = "this design, linger"

    def _look(self) -> None:
        super()._look()
        self.view.alive[:, self.world.hidden] = True


class Lossy(Sharing):
    name = "this design, 1 in 8 messages lost"
    thin = 3
