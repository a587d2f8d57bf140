"""The program and the model side by side: every packet goes to both, and nothing may differ."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from vc5d.xdp.layout import BUDGET, Reason

from . import reading
from .kernel import Kernel
from .model import NS, Balancer, Entry, Outcome, Service
from .model.counters import TICK
from .model.state import Kept
from .packets import TCP, Family, ethernet, packed
from .place import base, place

CLOCK_MONOTONIC_COARSE = 6  # linux/time.h; the program's clock
NEARLY = NS // 5  # of times: the clock is read twice, and a process may wait in between


def clock() -> int:
    """Nanoseconds."""
    return time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)


class Pair:
    """`balancer` may be changed at will between packets; `sync` then tells the program."""

    def __init__(self, kernel: Kernel, cpu: int) -> None:
        self.kernel, self.cpu, self.nearly = kernel, cpu, NEARLY
        self.balancer = Balancer([])

    def start(self, *services: Service, **options: Any) -> Balancer:
        """A new balancer with these services, that has seen no packet."""
        self.balancer = Balancer(list(services), **options)
        reading.clear(self.kernel)
        self.sync()
        return self.balancer

    def sync(self, half: int = 0) -> None:
        place(self.balancer, self.kernel, half)

    def send(self, frame: bytes) -> Outcome:
        """What became of the frame: in the program as in the model, to the byte and to the counter."""
        reasons, counters, before = self.kernel.reasons(), self.kernel.counters(), clock()
        verdict, out = self.kernel.run(frame)
        self.balancer.now = self._now(before)
        expected = self.balancer.process(frame)
        told = {
            Reason(number).name: count - was
            for number, (was, count) in enumerate(zip(reasons, self.kernel.reasons(), strict=True))
            if count != was
        }
        change = self.kernel.counters() - counters
        got = {int(at): tuple(map(int, change[at])) for at in change.any(axis=1).nonzero()[0]}
        assert (verdict, told, got, out.hex()) == (
            expected.verdict,
            self.reasons(expected),
            self.counts(expected, len(frame)),
            expected.frame.hex(),
        ), f"frame {frame.hex()}"
        return expected

    def send_all(self, frames: list[bytes]) -> None:
        """The same for many frames, with one look at the counters at the end."""
        reasons, counters = self.kernel.reasons(), self.kernel.counters()
        for frame in frames:
            verdict, out = self.kernel.run(frame)
            self.balancer.now = clock()
            expected = self.balancer.process(frame)
            assert (verdict, out) == (expected.verdict, expected.frame), f"frame {frame.hex()}"
            for name, count in self.reasons(expected).items():
                reasons[Reason[name]] += count
            for index, more in self.counts(expected, len(frame)).items():
                counters[index] += np.array(more, counters.dtype)
        told = self.kernel.reasons()
        assert told == reasons, [
            (Reason(n).name, a, b) for n, (a, b) in enumerate(zip(told, reasons, strict=True)) if a != b
        ]
        wrong = (self.kernel.counters() != counters).any(axis=1).nonzero()[0]
        assert not len(wrong), f"counters of the reals {wrong}"

    def _now(self, before: int) -> int:
        """The time that the program saw; at the turn of a second its budget tells."""
        after = clock()
        if before // TICK == after // TICK:
            return after
        budget = self.kernel.maps["budgets"].read_percpu(BUDGET)[0, self.cpu]
        return after if int(budget["second"]) == after // TICK else before

    @staticmethod
    def reasons(expected: Outcome) -> dict[str, int]:
        told = {expected.reason: 1} if expected.reason else {}
        return told | ({"NOTE_NOT_STORED": 1} if expected.refused else {})

    def counts(self, expected: Outcome, length: int) -> dict[int, tuple[int, ...]]:
        if not expected.real:
            return {}
        service, index = expected.real
        return {base(self.balancer, service) + index: (1, length, int(expected.new))}

    def same_state(self) -> None:
        """Both remember the same: flows, fragments, sessions, prefixes; times nearly so."""
        self.same_flows()
        mine = self.balancer
        kept = {key: reading.by_index(mine, found) for key, found in mine.fragments.kept.items()}
        self._same(reading.fragments_in(self.kernel), kept)
        living = {key: reading.by_index(mine, found) for key, found in mine.sessions.kept.items()}
        self._same(reading.sessions_in(self.kernel), living)
        assert reading.prefixes_in(self.kernel) == (mine.prefixes.four, mine.prefixes.six)

    def same_flows(self) -> None:
        for kind, known in self.balancer.flows.tables.items():
            self._same(
                {key: _row(entry) for key, entry in reading.flows_in(self.kernel, kind).items()},
                {key: _row(entry) for key, entry in known.items()},
            )

    def _same(self, got: dict[Any, Any], known: dict[Any, Any]) -> None:
        """Equal but for the time, which comes last."""
        mine = {key: value[:-1] for key, value in known.items()}
        its = {key: value[:-1] for key, value in got.items()}
        assert its == mine, (
            f"the program's {its.items() - mine.items()}, the model's {mine.items() - its.items()}"
        )
        for key, value in got.items():
            assert abs(value[-1] - known[key][-1]) < self.nearly, key

    def age(self, seconds: float) -> None:
        """Lets time pass for all that is remembered."""
        reading.age(self.kernel, seconds)
        passed = int(seconds * NS)
        for table in self.balancer.flows.tables.values():
            for entry in table.values():
                entry.last -= passed
        kept: list[Kept] = [*self.balancer.fragments.kept.values(), *self.balancer.sessions.kept.values()]
        for found in kept:
            found.time -= passed

    def new_second(self) -> None:
        """Whole budgets again, and for both from the same moment on."""
        reading.fill_budgets(self.kernel)
        self.balancer.budget.second = -1


class FamilyPair(Pair):
    """A pair that is sent packets of one family; `client` and ports of its own where a test asks for them."""

    family: Family

    def begin(self, *services: Service, **options: Any) -> Balancer:
        """Starts with these services, whatever their addresses, at the family's VIP."""
        for service in services:
            service.address = self.family.vip
            service.packed = packed(service.address)
        return self.start(*services, **options)

    def tcp(self, flags: str = "A", sport: int = 40000, **more: Any) -> Outcome:
        return self.send(self.family.tcp(flags, sport, **more))

    def udp(self, sport: int = 40000, **more: Any) -> Outcome:
        return self.send(self.family.udp(sport, **more))

    def fragment(self, payload: bytes, offset: int = 0, more: bool = False, **rest: Any) -> Outcome:
        """A fragment of TCP; `rest` as of Family.fragment."""
        return self.send(self.family.fragment(payload, offset=offset, more=more, **rest))

    def error(self, segment: bytes, protocol: int = TCP, client: str = "") -> Outcome:
        """A router's error about what a real sent to a client."""
        return self.send(ethernet(self.family.error(self.family.answer(segment, protocol, client))))


def who(outcome: Outcome) -> int | str:
    """The index of the real, or the reason."""
    return outcome.real[1] if outcome.real else outcome.reason


def _row(entry: Entry) -> tuple[int, ...]:
    return entry.real, entry.real_id, entry.hash, entry.last
