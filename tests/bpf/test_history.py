"""Random histories: program and model see the same packets, health, flips and passing time, and never differ.

States are set more freely than vc5d ever would: the program must follow its rules from any state. That the
rules themselves break no flow is the business of the design's own model.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .model import ACCEPTING, CLEAR, CONSULT, DOWN, DRAINING, TRANSITION, UDP, Real, Service
from .packets import tcp_frame, udp_frame
from .pair import Pair

pytestmark = pytest.mark.bpf

SIZES = (1, 7, 31, 61)
LIFETIME = 9.0
TRACKS = ("needed", "needed", "full", "minimal")

services = st.integers(0, 2)
places = st.integers(0, 5)
flows = st.integers(0, 11)
flags = st.sampled_from(["S", "A", "A", "SA", "F", "R"])


class History(RuleBasedStateMachine):
    """Three services, one of them UDP, of up to six reals and a dozen flows each."""

    pair: Pair

    @initialize(tracks=st.tuples(*[st.sampled_from(TRACKS)] * 3))
    def begin(self, tracks: tuple[str, str, str]) -> None:
        self.next_id = 100
        reals = [[Real(10 * s + i + 1, mac=bytes([2, 0, 0, 0, s, i])) for i in range(6)] for s in range(3)]
        self.pair.start(
            *(
                Service(
                    "192.168.101.1",
                    80 + s,
                    6 if s < 2 else UDP,
                    reals[s],
                    [i % 5 for i in range(31)],
                    tracks[s],
                )
                for s in range(3)
            ),
            lifetime=LIFETIME,
        )

    def service(self, number: int) -> Service:
        return self.pair.balancer.services[number]

    @rule(number=services, burst=st.lists(st.tuples(flows, flags), min_size=1, max_size=12))
    def packets(self, number: int, burst: list[tuple[int, str]]) -> None:
        service = self.service(number)
        self.pair.sync()
        for flow, sent in burst:
            if service.protocol == UDP:
                self.pair.send(udp_frame(sport=flow, dport=service.port))
            else:
                self.pair.send(tcp_frame(sport=flow, dport=service.port, flags=sent))

    @rule(number=services, index=places, state=st.sampled_from([ACCEPTING, DRAINING, DOWN]))
    def health(self, number: int, index: int, state: int) -> None:
        real = self.service(number).reals[index]
        real.consult |= state == ACCEPTING != real.state
        real.state = state

    @rule(number=services, index=places)
    def no_more_consult(self, number: int, index: int) -> None:
        self.service(number).reals[index].consult = False

    @rule(number=services, index=places)
    def another_takes_the_index(self, number: int, index: int) -> None:
        self.next_id += 1
        self.service(number).reals[index].id = self.next_id

    @rule(number=services, size=st.sampled_from(SIZES), step=st.integers(1, 5), seed=st.integers(0, 1))
    def flip(self, number: int, size: int, step: int, seed: int) -> None:
        balancer, service = self.pair.balancer, self.service(number)
        old, table = service.table, [(i * step) % 6 for i in range(size)]
        service.first = service.first or (old, balancer.seed)
        if size == len(old) and seed == balancer.seed:
            service.slots = [
                TRANSITION if a != b else s for a, b, s in zip(old, table, service.slots, strict=True)
            ]
        else:
            service.slots = [TRANSITION] * size
        service.table, balancer.seed = table, seed

    @rule(number=services, left=st.sampled_from([CLEAR, CONSULT]))
    def transition_ends(self, number: int, left: int) -> None:
        service = self.service(number)
        service.first = None
        service.slots = [left if state == TRANSITION else state for state in service.slots]

    @rule(number=services)
    def slots_clear(self, number: int) -> None:
        service = self.service(number)
        service.slots = [CLEAR if state == CONSULT else state for state in service.slots]

    @rule()
    def time_passes(self) -> None:
        self.pair.age(LIFETIME * 0.4)

    @invariant()
    @precondition(lambda self: hasattr(self, "next_id"))
    def same_flows(self) -> None:
        self.pair.same_flows()


def test_histories(pair: Pair) -> None:
    run_state_machine_as_test(
        type("BoundHistory", (History,), {"pair": pair}),
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
