"""Flows that live are told again: a pass over the flow tables in each quarter of the lifetime, a slice at a
time.

Told are those that had a packet here since the pass before the last: so a flow's last word is said twice.
A flow that another load balancer told of is that one's to tell, until a packet of it comes here (`peer`).
The first pass tells all: nobody did while this process was not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .records import Flows
from .tables import Tables

SLICE = 1 << 13  # entries
QUARTERS = 4  # of the lifetime
LONGEST_S, SHORTEST_S = 1.0, 0.05  # between slices
_PASSES = 2


class Refresh:
    """clock: CLOCK_MONOTONIC in nanoseconds."""

    def __init__(self, tables: Tables, clock: Callable[[], int]) -> None:
        self._tables, self._clock = tables, clock
        self._slices: Iterator[Flows] | None = None
        self._begun_ns = self._next_ns = 0
        self._read = self._before = 0  # slices of this pass, and of the last

    def wait_s(self) -> float:
        """Until the next slice is due."""
        return max(0.0, (self._next_ns - self._clock()) / 1e9)

    def due(self) -> Flows | None:
        """What is to be told again now; None: nothing, or no slice is due."""
        now_ns = self._clock()
        if now_ns < self._next_ns:
            return None
        period_ns = self._tables.places.lifetime_ns // QUARTERS
        if self._slices is None and period_ns:
            span_ns = _PASSES * period_ns if self._before else QUARTERS * period_ns
            self._slices, self._begun_ns, self._read = self._living(span_ns), now_ns, 0
        flows = next(self._slices, None) if self._slices else None
        if flows is None:
            self._slices, self._before = None, self._read or self._before
            self._next_ns = max(
                now_ns + _ns(SHORTEST_S), self._begun_ns + min(period_ns or _ns(1), _ns(3600))
            )
            return None
        self._read += 1
        pace_ns = period_ns // (2 * self._before) if self._before else 0
        self._next_ns = now_ns + min(_ns(LONGEST_S), max(_ns(SHORTEST_S), pace_ns))
        return flows if len(flows) else None

    def _living(self, span_ns: int) -> Iterator[Flows]:
        for flows, values in self._tables.slices(SLICE):
            idle = self._clock() - values["last_ns"].astype(np.int64)
            yield flows.where((values["peer"] == 0) & (idle < span_ns))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
