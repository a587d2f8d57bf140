"""A load balancer: its data path, and vc5d with vc5d.fleet's rules. `without`: rules that are left out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from bpf.model import ACCEPTING, DOWN, DRAINING, TRANSITION
from vc5d.fleet.acceptance import Would
from vc5d.fleet.agreement import transition_end
from vc5d.fleet.fleet import Fleet, News
from vc5d.fleet.learning import Learning
from vc5d.fleet.report import RESTARTING, SILENCE, Report, Roster
from vc5d.health.standing import Said, Standings
from vc5d.xdp.layout import RealState

from .plane import LIFETIME, Plane, Spec, Told

SERVICE = 7  # its stable id
STATES = {RealState.ACCEPTING: ACCEPTING, RealState.DRAINING: DRAINING, RealState.DOWN: DOWN}
RULES = ("consult", "forget", "unknown", "kept", "held", "clock", "settle", "flows", "states")
_boots = count(1)


def roster(spec: Spec) -> Roster:
    return Roster(spec.digest, {SERVICE: spec.reals})


class Node:
    """`announced`: the routers send it packets. `fleet` None: vc5d is not running."""

    def __init__(self, name: str, without: frozenset[str] = frozenset()) -> None:
        self.name, self.without = name, without
        self.plane: Plane
        self.fleet: Fleet | None = None
        self.announced = False
        self.up: dict[int, bool] = {}  # what its own checks say
        self._own_states = False

    # -- vc5d

    def boot(self, spec: Spec, now: float) -> None:
        """A machine that was off."""
        self.plane = Plane(spec)
        self.plane.now = now
        self._own_states = False
        self.start(spec, now)

    def start(self, spec: Spec, now: float) -> None:
        """vc5d. What it finds in the maps it goes on with, but for the clock, which begins anew."""
        plane = self.plane
        plane.now = now
        if plane.ends is not None or plane.settling:
            plane.ends, plane.settling = now + LIFETIME, False
        if plane.spec != spec:
            plane.flip(spec)
        accepting = frozenset(real for real in plane.index if plane.state(real) == ACCEPTING)
        self.boot_id = next(_boots).to_bytes(8, "big")
        self.fleet = Fleet(roster(spec), Learning(now), accepting)
        self.standings = Standings()
        self._own_states = self._own_states or bool(accepting)

    def restart_begins(self) -> None:
        self.fleet = None

    def off(self) -> None:
        self.fleet, self.announced = None, False

    def reload(self, spec: Spec, now: float) -> None:
        assert self.fleet
        self.plane.now = now
        self.plane.flip(spec)
        self.fleet.follow(roster(spec))
        self.judge(self.plane.index, now)

    def report(self, *, restarting: bool = False) -> Report:
        assert self.fleet
        spec = self.plane.spec
        return Report(
            self.boot_id,
            self.name,
            spec.digest,
            frozenset(real for real in self.plane.index if self.up.get(real)),
            RESTARTING if restarting else SILENCE,
            learning=not self.fleet.learning.learned,
            moving=self.plane.moving,
            roster=roster(spec),
        )

    def hear(self, address: str, report: Report, now: float) -> None:
        if self.fleet:
            self.fleet.hear(address, report, now)

    def advance(self, now: float) -> News:
        """What was heard, and time."""
        fleet, plane = self.fleet, self.plane
        assert fleet
        plane.now = now
        news = fleet.advance(now, {SERVICE: Would(self._would_accept(), 1)})
        if news.reals:
            self.judge(news.reals & plane.index.keys(), now)
        if plane.ends is not None:
            agreed = fleet.agreed or "clock" in self.without
            plane.ends = transition_end(plane.ends, LIFETIME, now, all_agree=agreed)
            if now >= plane.ends:
                plane.clock_is_over()
        if plane.settling and (fleet.settled(now) or "settle" in self.without):
            plane.to_consult()
        if fleet.learning.learned:
            self.announced = True
        return news

    def _would_accept(self) -> frozenset[int]:
        return frozenset(real for real in self.plane.configured if self.up.get(real))

    # -- health

    def see(self, real: int, up: bool, now: float) -> None:
        self.up[real] = up
        if self.fleet and real in self.plane.index:
            self.judge([real], now)

    def judge(self, reals: Iterable[int], now: float) -> None:
        fleet, plane = self.fleet, self.plane
        assert fleet
        held = fleet.held if "held" not in self.without else frozenset()
        kept = fleet.kept if "kept" not in self.without else frozenset()
        for real in sorted(reals):
            closed = real not in plane.configured or real in held
            name: Any = (SERVICE, real)
            said = Said(self.up.get(real), closed, real in kept)
            state = self.standings.judge(name, said, 0.0, now)
            if state is not None:
                plane.set_state(real, STATES[state])

    # -- a start

    def learn(self, peer: Node, now: float, *, everything: bool) -> None:
        """All that the peer holds has come."""
        assert self.fleet
        self.plane.now = now
        if everything and not self._own_states and "states" not in self.without:
            self.plane.inherit(peer.plane.states())
        self._own_states = True
        if "flows" not in self.without:
            for told in [*peer.plane.living(), *self._foreign(peer)]:
                self.take(told)
        if everything:
            self.fleet.learning.got(peer.name)
            self.judge(self.plane.index, now)

    @staticmethod
    def _foreign(peer: Node) -> list[Told]:
        plane = peer.plane
        known = [(key, e.real_id, e.last / 1e9) for key, e in plane.established.items()]
        return known + [(key, real, last) for key, (real, last) in plane.aside.items()]

    def take(self, told: Told) -> None:
        _, real, _ = told
        if not real and "forget" in self.without:
            return
        self.plane.take(told, consult="consult" not in self.without, keep_aside="unknown" not in self.without)

    @property
    def in_transition(self) -> bool:
        return TRANSITION in self.plane.service.slots
