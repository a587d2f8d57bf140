"""Random histories: program and model see the same packets, health, flips and passing time, and never differ.

States are set more freely than vc5d ever would: the program must follow its rules from any state. That the
rules themselves break no flow is the business of the design's own model.
"""

from __future__ import annotations

import ipaddress
import os

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

from .model import ACCEPTING, CLEAR, CONSULT, DOWN, DRAINING, TRANSITION, UDP, First, Real, Service
from .packets import FAMILIES, TCP, Family, ethernet, tcp, udp
from .pair import Pair

pytestmark = pytest.mark.bpf

EXAMPLES = int(os.environ.get("VC5_HISTORIES", "100"))
SIZES = (1, 7, 31, 61)
LIFETIME = 9.0
TRACKS = ("needed", "needed", "full", "minimal", "sticky", "leastconn")
PORTS = {0: 80, 1: 0, 2: 53}  # by number of the service in its family; 0: any port

numbers = st.integers(0, 5)  # of services: three of each family
places = st.integers(0, 5)
flows = st.integers(0, 11)
kinds = st.sampled_from(["S", "A", "A", "SA", "FA", "R", "error", "first", "later", "echo"])


class History(RuleBasedStateMachine):
    """Of each family three services, one for any port and one of UDP; six reals and a dozen flows each."""

    pair: Pair

    @initialize(
        tracks=st.tuples(*[st.sampled_from(TRACKS)] * 6),
        inserts=st.sampled_from([0, 0, 5]),
        mask=st.sampled_from([0, 0xFFFFFFFF]),
    )
    def begin(self, tracks: tuple[str, ...], inserts: int, mask: int) -> None:
        self.next_id = 100
        made = [self._service(number, track) for number, track in enumerate(tracks)]
        self.pair.start(*made, lifetime=LIFETIME, inserts=inserts, echoes=4, session_mask=mask)

    @staticmethod
    def _service(number: int, track: str) -> Service:
        family, protocol = FAMILIES[number // 3], UDP if number % 3 == 2 else TCP
        reals = [Real(10 * number + i + 1, mac=bytes([2, 0, 0, 0, number, i])) for i in range(6)]
        service = Service(family.vip, PORTS[number % 3], protocol, reals, [i % 5 for i in range(31)])
        service.sticky, service.leastconn = track == "sticky", track == "leastconn"
        service.track = track if track in ("full", "minimal") else "needed"
        return service

    def service(self, number: int) -> Service:
        return self.pair.balancer.services[number]

    @rule(number=numbers, burst=st.lists(st.tuples(flows, kinds), min_size=1, max_size=12))
    def packets(self, number: int, burst: list[tuple[int, str]]) -> None:
        self.pair.sync()
        for flow, kind in burst:
            self.pair.send(self._frame(self.service(number), FAMILIES[number // 3], flow, kind))

    @staticmethod
    def _frame(service: Service, family: Family, flow: int, kind: str) -> bytes:
        port = service.port or 7000
        make = udp if service.protocol == UDP else tcp
        if kind == "echo":
            return ethernet(family.echo())
        if kind == "error":
            return ethernet(family.error(family.answer(make(port, flow), service.protocol)))
        if kind == "later":
            return family.fragment(bytes(16), service.protocol, 32, id=flow)
        if kind == "first":
            return family.fragment(make(flow, port), service.protocol, more=True, id=flow)
        if service.protocol == UDP:
            return family.udp(flow, port)
        return family.tcp(kind, flow, port)

    @rule(number=numbers, index=places, state=st.sampled_from([ACCEPTING, DRAINING, DOWN]))
    def health(self, number: int, index: int, state: int) -> None:
        real = self.service(number).reals[index]
        real.consult |= state == ACCEPTING != real.state
        real.state = state

    @rule(number=numbers, index=places)
    def no_more_consult(self, number: int, index: int) -> None:
        self.service(number).reals[index].consult = False

    @rule(number=numbers, index=places, load=st.integers(0, 3))
    def load_changes(self, number: int, index: int, load: int) -> None:
        self.service(number).reals[index].load = load

    @rule(number=numbers, index=places, last=st.integers(0, 255), known=st.booleans())
    def mac_changes(self, number: int, index: int, last: int, known: bool) -> None:
        self.service(number).reals[index].mac = bytes([2, 0, 0, 1, number, last]) if known else None

    @rule(number=numbers, index=places)
    def another_takes_the_index(self, number: int, index: int) -> None:
        self.next_id += 1
        self.service(number).reals[index].id = self.next_id

    @rule(number=numbers, size=st.sampled_from(SIZES), step=st.integers(1, 5), seed=st.integers(0, 1))
    def flip(self, number: int, size: int, step: int, seed: int) -> None:
        balancer, service = self.pair.balancer, self.service(number)
        old, table = service.table, [(i * step) % 6 for i in range(size)]
        service.first = service.first or First(old, balancer.seed, service.sticky)
        if size == len(old) and seed == balancer.seed:
            service.slots = [
                TRANSITION if a != b else s for a, b, s in zip(old, table, service.slots, strict=True)
            ]
        else:
            service.slots = [TRANSITION] * size
        service.table, balancer.seed = table, seed

    @rule(number=numbers)
    def stickiness_changes(self, number: int) -> None:
        service = self.service(number)
        if not service.leastconn:
            first = First(service.table, self.pair.balancer.seed, service.sticky)
            service.first = service.first or first
            service.slots = [TRANSITION] * len(service.table)
            service.sticky = not service.sticky

    @rule(number=numbers, left=st.sampled_from([CLEAR, CONSULT]))
    def transition_ends(self, number: int, left: int) -> None:
        service = self.service(number)
        service.first = None
        service.slots = [left if state == TRANSITION else state for state in service.slots]

    @rule(number=numbers)
    def slots_clear(self, number: int) -> None:
        service = self.service(number)
        service.slots = [CLEAR if state == CONSULT else state for state in service.slots]

    @rule(family=st.sampled_from(FAMILIES), down=st.booleans(), blocked=st.booleans())
    def switches(self, family: Family, down: bool, blocked: bool) -> None:
        balancer = self.pair.balancer
        balancer.down = balancer.down - {family.vip} | ({family.vip} if down else set())
        mine = ipaddress.ip_network(family.client)
        others = [network for network in balancer.blocked if network != mine]
        balancer.blocked = [*others, mine] if blocked else others

    @rule(seconds=st.sampled_from([LIFETIME * 0.4, LIFETIME * 0.4, 5.3]))
    def time_passes(self, seconds: float) -> None:
        self.pair.age(seconds)
        self.pair.new_second()

    @invariant()
    @precondition(lambda self: hasattr(self, "next_id"))
    def same_state(self) -> None:
        self.pair.same_state()


def test_histories(pair: Pair) -> None:
    run_state_machine_as_test(
        type("BoundHistory", (History,), {"pair": pair}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
