"""What the data path only samples: current sessions, time per packet, source prefixes.

Sessions: of a flow in 2^bits the data path keeps an entry, and what is counted here is multiplied again. The
more packets there are, the fewer flows are sampled: on a quiet host all are, and the count is exact.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..generation.state import State
from .layout import RealState
from .maps import Maps

PACKETS = 20_000  # a second and CPU that may look into `sessions`: a millisecond's work
MOST_BITS = 31
FULL = 2  # the table may be filled to one part in so many: an LRU map forgets where it is fuller
UDP_IDLE_NS = 30 * 10**9  # a client of UDP says nothing when it goes
ENDED_NS = 2 * 10**9  # an entry of a session that ended must stay for 2^30 ns (bpf/DESIGN.md)
SLICE = 1 << 13  # entries that are read at once

JIFFIES = 1024  # one of so many is timed, from its beginning to its end
WINDOW = 16  # s: some of these jiffies at any tick rate

Estimates = npt.NDArray[np.float64]  # sessions by index into `reals`


@dataclass(frozen=True)
class Timing:
    """Of the last WINDOW seconds. `ns`: in the program, on average, of the packets that were timed; None:
    there were none. `packets`: a second, by the busiest CPU, about."""

    ns: float | None
    packets: float


class Clockwork:
    """Reads the timed packets once a second."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._history: deque[tuple[int, npt.NDArray[np.uint64], int]] = deque()

    def tick(self, now_ns: int) -> None:
        read = self._maps.read_percpu("timings")[0]
        self._history.append((now_ns, read["packets"].copy(), int(read["ns"].sum())))
        while self._history[0][0] < now_ns - WINDOW * 10**9:
            self._history.popleft()

    @property
    def settled(self) -> bool:
        """Whether it has been reading for long enough to know that there are few packets."""
        return self._history[-1][0] - self._history[0][0] >= WINDOW * 10**9 // 2

    def timing(self) -> Timing:
        """What the ticks of the last seconds say."""
        if len(self._history) < 2 or self._history[-1][0] <= self._history[0][0]:
            return Timing(None, 0)
        (begin, before, ns_before), (end, after, ns_after) = self._history[0], self._history[-1]
        by_cpu = after - before
        timed = int(by_cpu.sum())
        a_second = float(by_cpu.max()) * JIFFIES * 1e9 / (end - begin)
        return Timing((ns_after - ns_before) / timed if timed else None, a_second)


class Sessions:
    """How many flows are sampled, and what the sample says. `estimates`: as of the last survey. `fixed`: the
    mask is not chosen by the traffic but stays."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self.bits = int(maps.control["session_mask"][0]).bit_count()
        self.fixed = False
        self.estimates: Estimates = np.zeros(len(maps.reals))
        self._entries = 0
        self._since_ns, self._bits_before = 0, self.bits

    def set_bits(self, bits: int, now_ns: int) -> None:
        """One flow in 2^bits from now on; of entries older than that, those that the last mask sampled stand
        for more or, when fewer are sampled now, cannot be told from others and go at the next survey."""
        if bits == self.bits:
            return
        self._since_ns, self._bits_before, self.bits = now_ns, self.bits, bits
        self._maps.control["session_mask"][0] = (1 << bits) - 1

    def adapt(self, packets: float, now_ns: int, settled: bool) -> None:
        """For so many packets a second on the busiest CPU. A step back only when twice as many would do, and
        the number is `settled`."""
        if self.fixed:
            return
        bits = self.bits
        crowded = self._entries * FULL > self._maps.capacity.sessions
        if crowded:
            bits += 1
            self._entries //= 2  # until the next survey knows better
        while packets / 2**bits > PACKETS:
            bits += 1
        if settled and not crowded and bits == self.bits and bits > 0:
            quiet = packets / 2 ** (bits - 1) < PACKETS / 2
            bits -= quiet and self._entries * 4 * FULL < self._maps.capacity.sessions
        self.set_bits(min(bits, MOST_BITS), now_ns)

    def survey(self, state: State, now_ns: int) -> None:
        """Counts, and deletes what is idle. Takes long; may run in another thread."""
        udp = np.zeros(self._maps.capacity.services, np.bool_)
        udp[[s.id for key, s in state.services.items() if key.protocol == "udp"]] = True
        estimates, entries = np.zeros(len(self._maps.reals)), 0
        for keys, values in self._maps.tables["sessions"].slices(SLICE):
            real, known = self._reals(values)
            age = now_ns - values["last_ns"].astype(np.int64)
            lifetime = np.where(udp[self._maps.reals["service"][real]], UDP_IDLE_NS, state.lifetime_ns)
            gone = age > np.where(known, lifetime, ENDED_NS)
            older = values["last_ns"] < self._since_ns
            if self.bits > self._bits_before:
                gone |= older
            if gone.any():
                self._maps.tables["sessions"].delete(keys[gone])
            there = known & ~gone
            weights = np.where(older, 2.0**self._bits_before, 2.0**self.bits)
            np.add.at(estimates, real[there], weights[there])
            entries += len(keys) - int(gone.sum())
        self.estimates, self._entries = estimates, entries

    def _reals(self, values: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The index of each entry's real, and whether there is such a real. One whose block moved since is
        found by its id."""
        ids = self._maps.reals["id"]
        real = np.minimum(values["real"], len(ids) - 1).astype(np.int64)
        known = (ids[real] == values["real_id"]) & (values["real_id"] != 0)
        moved = np.flatnonzero(~known & (values["real_id"] != 0))
        if len(moved):
            there = np.flatnonzero((ids != 0) & (self._maps.reals["state"] & 3 != RealState.ABSENT))
            if len(there):
                there = there[np.argsort(ids[there], kind="stable")]
                at = np.minimum(np.searchsorted(ids[there], values["real_id"][moved]), len(there) - 1)
                real[moved] = there[at]
                known[moved] = ids[there[at]] == values["real_id"][moved]
        return real, known


class Sampling:
    """Both, ticking together."""

    def __init__(self, maps: Maps) -> None:
        self.clockwork, self.sessions = Clockwork(maps), Sessions(maps)

    def tick(self, now_ns: int) -> None:
        """About once a second."""
        self.clockwork.tick(now_ns)
        self.sessions.adapt(self.clockwork.timing().packets, now_ns, self.clockwork.settled)

    def survey(self, state: State, now_ns: int) -> None:
        """As Sessions.survey."""
        self.sessions.survey(state, now_ns)


@dataclass(frozen=True)
class Prefixes:
    """Where forwarded packets come from; one in 64 is counted. `v4`: by /20, shape (2^20,), the index is the
    address's upper 20 bits. `v6`: by /48, its upper 48 bits as a number."""

    v4: npt.NDArray[np.uint64]
    v6: dict[int, int]


def read_prefixes(maps: Maps) -> Prefixes:
    """A copy: 8 MB."""
    keys, counts = maps.tables["prefixes6"].read()
    return Prefixes(maps.prefixes4.copy(), dict(zip(keys.tolist(), counts.tolist(), strict=True)))
