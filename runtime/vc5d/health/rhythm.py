"""When the checks of a real are due: each at its own phase of the interval, a little off it each time.

The phase follows from the names of service and real, so that checks stay spread whatever starts or reloads.
The random part keeps two with nearly the same phase from meeting for ever. Times are seconds of one
monotonic clock: what the wall clock does changes nothing.
"""

from __future__ import annotations

import math
import random
import zlib

_JITTER = 0.05  # of the interval, at most


def phase(name: object) -> float:
    """0 ... 1, the same in every process for one name."""
    return zlib.crc32(str(name).encode()) / 2**32


def first_turn(now: float, interval: float, phase: float) -> float:
    """The first turn of this phase that leaves half an interval after now, when a check has just begun."""
    return (math.ceil((now + interval / 2) / interval - phase) + phase) * interval


def next_turn(turn: float, now: float, interval: float) -> float:
    """The turn after `turn`; of several that have passed meanwhile the last, so that a round that took too
    long is followed at once by one other and no more."""
    missed = max(0, math.floor((now - turn) / interval) - 1)
    return turn + (missed + 1) * interval


def jitter(interval: float) -> float:
    """How much later than its turn a check begins."""
    return random.uniform(0, _JITTER * interval)  # noqa: S311 - spreads, protects nothing
