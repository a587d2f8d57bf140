"""The state table of bpf/DESIGN.md over arrays: one packet of each of many flows, each at its load balancer.

`View` is what those load balancers hold at one moment. tests/simulation/test_rules.py proves these equal to
tests/bpf/model, packet by packet.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .hashing import Bits, Numbers, Words, probe, scaled

ABSENT, ACCEPTING, DRAINING, DOWN = range(4)
LAST_PROBE, LIST_PROBE = 8, 9
NOBODY = -1
# What answered: rows of bpf/DESIGN.md's state table for packets that are no SYN; 0: the fast path.
FAST, ENTRY, PREVIOUS, PREVIOUS_AGAIN, OWNER, CHOSEN = 0, 1, 5, 6, 7, 8


class View:
    """By load balancer and real: `states`, `consulted`. By load balancer and slot: `transition`, `clear`.
    By load balancer: `first`, which of `tables` it keeps from the start of the transition; NOBODY: none."""

    def __init__(
        self,
        table: Numbers,
        tables: list[Numbers],
        states: npt.NDArray[np.uint8],
        consulted: Bits,
        transition: Bits,
        clear: Bits,
        first: Numbers,
    ) -> None:
        self.table, self.tables, self.first = table, tables, first
        self.accepting = states == ACCEPTING
        self.alive = self.accepting | (states == DRAINING)
        self.plain = self.accepting & ~consulted
        self.transition, self.clear = transition, clear

    def owners(self, h: Words) -> tuple[Numbers, Numbers]:
        slots = scaled(h, len(self.table))
        return slots, self.table[slots]

    def looks(self, at: Numbers, slots: Numbers, owners: Numbers) -> Bits:
        """Where the flow tables are asked: all else is the fast path."""
        return ~(pick(self.plain, at, owners) & pick(self.clear, at, slots))


def pick(flags: Bits, at: Numbers, column: Numbers) -> Bits:
    """flags[at, column], twice as fast."""
    found: Bits = flags.ravel().take(at * flags.shape[1] + column)
    return found


def choose(view: View, at: Numbers, h: Words) -> Numbers:
    """Which real each new flow gets; NOBODY: none accepts."""
    chosen = np.full(len(h), NOBODY, np.int64)
    left = np.arange(len(h))
    for n in range(LAST_PROBE + 1):
        reals = view.table[scaled(probe(h[left], n), len(view.table))]
        good = pick(view.accepting, at[left], reals)
        chosen[left[good]] = reals[good]
        left = left[~good]
        if not len(left):
            return chosen
    for balancer in np.unique(at[left]):
        those, listed = left[at[left] == balancer], np.flatnonzero(view.accepting[balancer])
        if len(listed):
            chosen[those] = listed[scaled(probe(h[those], LIST_PROBE), len(listed))]
    return chosen


def syn(view: View, at: Numbers, h: Words) -> tuple[Numbers, Bits]:
    """Rows 3 and 4: the real of each new flow, and whether it is stored."""
    slots, owners = view.owners(h)
    chosen = choose(view, at, h)
    stored = (chosen != NOBODY) & ((chosen != owners) | pick(view.transition, at, slots))
    return chosen, stored


def established(view: View, at: Numbers, h: Words, entries: Numbers) -> tuple[Numbers, Numbers]:
    """Rows 1 and 5 to 8, where the flow tables are asked: the real of a packet that is no SYN, and the row
    that answered; PREVIOUS stores the flow. entries: the real that its entry names; NOBODY: there is none."""
    slots, owners = view.owners(h)
    found, before = entries != NOBODY, np.full(len(h), NOBODY)
    for number in np.unique(view.first[view.first != NOBODY]):
        those = view.first[at] == number
        before[those] = view.tables[number][slots[those]]
    previous = pick(view.transition, at, slots) & (before != NOBODY) & view.alive[at, before]
    cases = [found & view.alive[at, entries], previous & ~found, previous, pick(view.alive, at, owners)]
    rows = np.select(cases, [ENTRY, PREVIOUS, PREVIOUS_AGAIN, OWNER], CHOSEN)
    answers = np.select(cases, [entries, before, before, owners], NOBODY)
    last = np.flatnonzero(rows == CHOSEN)
    answers[last] = choose(view, at[last], h[last])
    return answers, rows
