"""The program and the model side by side: every packet goes to both, and nothing may differ."""

from __future__ import annotations

import time

from vc5d.layout import Reason
from vc5d.program import Program

from . import place
from .model import Balancer, Outcome, Service

CLOCK_MONOTONIC_COARSE = 6  # linux/time.h; the program's clock


def clock() -> float:
    return time.clock_gettime(CLOCK_MONOTONIC_COARSE)


class Pair:
    """`balancer` may be changed at will between packets; `sync` then tells the program."""

    def __init__(self, program: Program) -> None:
        self.program, self.maps = program, program.maps
        self.balancer = Balancer([])

    def start(self, *services: Service, **options: object) -> Balancer:
        """A new balancer with these services, and no flows."""
        self.balancer = Balancer(list(services), **options)  # type: ignore[arg-type]
        place.clear_flows(self.maps)
        self.sync()
        return self.balancer

    def sync(self, half: int = 0) -> None:
        place.place(self.balancer, self.maps, half)

    def send(self, frame: bytes) -> Outcome:
        """What became of the frame: in the program as in the model, to the byte and to the counter."""
        reasons, counters = self.maps.read_reasons(), self.maps.read_real_counters()
        self.balancer.now = clock()
        expected = self.balancer.process(frame)
        verdict, out, _ns = self.program.test_run(frame)
        told = {
            reason.name: count - reasons[reason]
            for reason, count in self.maps.read_reasons().items()
            if count != reasons[reason]
        }
        after = self.maps.read_real_counters()
        got = {
            index: tuple(int(after[index][name] - counters[index][name]) for name in after.dtype.names or ())
            for index in (after != counters).nonzero()[0].tolist()
        }
        assert (verdict, told, got, out.hex()) == (
            expected.verdict,
            {Reason[expected.reason].name: 1} if expected.reason else {},
            self._counts(expected, len(frame)),
            expected.frame.hex(),
        ), f"frame {frame.hex()}"
        return expected

    def _counts(self, expected: Outcome, length: int) -> dict[int, tuple[int, ...]]:
        if not expected.real:
            return {}
        service, index = expected.real
        return {place.base(self.balancer, service) + index: (1, length, int(expected.new))}

    def same_flows(self) -> None:
        """Both know the same flows, with the same real, hash and (nearly) time."""
        for kind, entries in place.flows_in(self.maps).items():
            known = self.balancer.flows[kind]
            assert {k: (e.real, e.real_id, e.hash) for k, e in entries.items()} == {
                k: (e.real, e.real_id, e.hash) for k, e in known.items()
            }, kind
            for key, entry in entries.items():
                assert abs(entry.last - known[key].last) < self.balancer.lifetime / 100, kind

    def age(self, seconds: float) -> None:
        """Lets time pass for every flow."""
        place.age_flows(self.maps, seconds)
        for entries in self.balancer.flows.values():
            for entry in entries.values():
                entry.last -= seconds
