"""Which load balancer a router sends a flow to, and which flows move when one goes or comes.

Hash-threshold (RFC 2992; most routers, Linux by default): the hash space is cut into as many equal regions
as there are next hops, so that up to half of all flows move at each change. Resilient (Linux's resilient next
hop groups, and switches' by that name): fixed buckets, of which only those of the next hop that goes are
dealt out, and only a fair share goes back to one that comes.
"""

from __future__ import annotations

import numpy as np

from .hashing import Bits, Numbers

BUCKETS = 64  # per next hop


class Threshold:
    name = "hash-threshold"

    def __init__(self, balancers: int, rng: np.random.Generator) -> None:
        self._up = np.arange(balancers)

    def change(self, up: Bits) -> None:
        self._up = np.flatnonzero(up)

    def route(self, ways: Numbers) -> Numbers:
        """ways: 32 bits of the router's own hash of each flow."""
        found: Numbers = self._up[ways * len(self._up) >> 32]
        return found


class Resilient:
    name = "resilient"

    def __init__(self, balancers: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._buckets = np.repeat(np.arange(balancers), BUCKETS)

    def change(self, up: Bits) -> None:
        buckets, numbers = self._buckets, np.flatnonzero(up)
        fair = -(-len(buckets) // len(numbers))
        held = np.bincount(buckets, minlength=len(up))
        loose = [np.flatnonzero(~up[buckets])]
        short = np.flatnonzero(up & (held < len(buckets) // len(numbers)))
        if len(short):
            for number in np.flatnonzero(up & (held > fair)):
                over = self._rng.permutation(np.flatnonzero(buckets == number))[: held[number] - fair]
                loose.append(over)
        free = self._rng.permutation(np.concatenate(loose))
        held = np.where(up, held, np.iinfo(np.int64).max)
        for number in numbers:
            held[number] = np.count_nonzero(buckets == number)
        for bucket in free:
            if up[buckets[bucket]]:
                held[buckets[bucket]] -= 1
            taker = int(np.argmin(held))
            buckets[bucket] = taker
            held[taker] += 1

    def route(self, ways: Numbers) -> Numbers:
        found: Numbers = self._buckets[ways * len(self._buckets) >> 32]
        return found
