"""What becomes of each VIP: whether it is up, whether it is announced, and why not, in words.

Pure but for the log: health/verdict.py says what a healthy VIP is, announcing.py makes the routes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import log
from ..health.verdict import Conditions, Counts, Sides, by_vip, fault
from ..loop.turns import Slices
from ..operator.drains import Drains

if TYPE_CHECKING:
    from ..document import Document, Service

# The level at which a VIP's failure is told, by the highest priority of its services, as in VC5.
_LEVELS: Mapping[str, str] = {"critical": "error", "high": "warning", "medium": "notice", "low": "info"}
DEFAULT_PRIORITY = "critical"


@dataclass(frozen=True)
class VipState:
    """up: healthy, so that it answers echo requests. announce: it has its route; leaving: with
    GRACEFUL_SHUTDOWN. why: it is not up, not announced, or leaving. since: when `up` last changed, in seconds
    since the epoch. priority: of its most important service."""

    up: bool
    announce: bool
    leaving: bool
    why: str
    priority: str
    since: float


@dataclass(frozen=True)
class Circumstances:
    """Beside health. announced: the VIPs that have their route now. bare: interfaces that lack the program,
    where packets for a VIP would go to the host's own stack. learning: seconds for which no VIP is announced
    that is not yet."""

    announced: frozenset[str]
    drains: Drains
    bare: frozenset[str] = frozenset()
    learning: float = 0.0


@dataclass(frozen=True, eq=False)
class _Vip:
    """What a document says of it. disabled: some service asks not to announce it."""

    services: list[Service]
    priority: str
    disabled: bool

    @classmethod
    def of(cls, services: list[Service]) -> _Vip:
        given = {service.options.get("priority", DEFAULT_PRIORITY) for service in services}
        priority = next((each for each in _LEVELS if each in given), DEFAULT_PRIORITY)
        return cls(services, priority, any(service.options.get("disabled") for service in services))


class Vips:
    """The last state of each VIP. `clock`: seconds since the epoch; `sides`: as verdict.Counts has it.
    `took`: seconds, to decide the last time; what else was done meanwhile is not counted."""

    def __init__(self, clock: Callable[[], float] = time.time, sides: Sides | None = None) -> None:
        self._counts = Counts(sides)
        self.states: dict[str, VipState] = {}
        self.took = 0.0
        self._made_of: Mapping[str, object] = {}  # each state
        self._document: Document | None = None
        self._vips: dict[str, _Vip] = {}
        self._clock = clock

    async def decide(
        self, document: Document, conditions: Conditions, now: Circumstances
    ) -> dict[str, VipState]:
        """The states by VIP from now on; what changed is logged. Of a thousand VIPs one changes: what the
        others are made of is compared, and that is all. A part at a time: a change of health may come in
        between, after which this is to be called again."""
        if self._document is not document:
            self._document, self._vips = document, {v: _Vip.of(its) for v, its in by_vip(document).items()}
            self._counts.keep(document.services)
        drained = now.drains.real if now.drains.targets else None
        for_all = (now.drains, now.bare, now.learning > 0, round(now.learning))
        states, made_of, slices = {}, {}, Slices()
        async for vip, its in slices.of(self._vips.items()):
            counted = [self._counts.of(service, conditions, drained) for service in its.services]
            known = self._made_of.get(vip)
            made_of[vip] = (its, counted, vip in now.announced, for_all)
            states[vip] = self.states[vip] if known == made_of[vip] else self._state(vip, its, counted, now)
        self.states, self._made_of, self.took = states, made_of, slices.took
        return states

    def _state(self, vip: str, its: _Vip, counted: list[tuple[int, int]], now: Circumstances) -> VipState:
        why = fault(its.services, counted, announced=vip in now.announced)
        before, up = self.states.get(vip), not why
        since = before.since if before and before.up == up else self._clock()
        state = VipState(up, *_announced(vip, why, its, now), its.priority, since)
        if before and before.up != up:
            _tell(vip, state)
        return state


def _announced(vip: str, fault: str, its: _Vip, now: Circumstances) -> tuple[bool, bool, str]:
    if now.bare:
        return False, False, f"{', '.join(sorted(now.bare))} is without the program"
    if fault:
        return False, False, fault
    if its.disabled:
        return False, False, "withdrawn by the configuration (*)"
    if vip not in now.announced and now.learning > 0:
        return False, False, f"learning for {now.learning:.0f} s more"
    drained_by = now.drains.vip(vip, [service.key for service in its.services])
    if drained_by:
        return True, True, f"drained: {drained_by}"
    return True, False, ""


def _tell(vip: str, state: VipState) -> None:
    if state.up:
        log.info("vip.up", vip=vip, priority=state.priority)
    else:
        log.at(_LEVELS[state.priority], "vip.down", vip=vip, priority=state.priority, why=state.why)
