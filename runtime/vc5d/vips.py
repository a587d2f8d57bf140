"""What becomes of each VIP: whether it is up, whether it is announced, and why not, in words.

Pure but for the log: health/verdict.py says what a healthy VIP is, announcing.py makes the routes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import log
from .drains import Drains
from .health.verdict import Conditions, Counts, Sides, vip_faults

if TYPE_CHECKING:
    from .document import Document, ServiceKey

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


class Vips:
    """The last state of each VIP. `clock`: seconds since the epoch; `sides`: as verdict.Counts has it."""

    def __init__(self, clock: Callable[[], float] = time.time, sides: Sides | None = None) -> None:
        self._counts = Counts(sides)
        self.states: dict[str, VipState] = {}
        self._clock = clock

    async def prepare(self, document: Document, conditions: Conditions, drains: Drains) -> None:
        """What `decide` would take long for, a part at a time."""
        drained = drains.real if drains.targets else None
        await self._counts.look(document.services.values(), conditions, drained)

    def decide(self, document: Document, conditions: Conditions, now: Circumstances) -> dict[str, VipState]:
        """The states by VIP from now on; what changed is logged."""
        drained = now.drains.real if now.drains.targets else None
        faults = vip_faults(document, conditions, now.announced, drained, self._counts)
        self._counts.keep(document.services)
        services: dict[str, list[ServiceKey]] = {}
        for key in document.services:
            services.setdefault(key.address, []).append(key)
        states = {}
        for vip, keys in services.items():
            before = self.states.get(vip)
            up = vip not in faults
            priority = _highest(document, keys)
            since = before.since if before and before.up == up else self._clock()
            announce, leaving, why = _announced(vip, faults.get(vip, ""), keys, document, now)
            states[vip] = VipState(up, announce, leaving, why, priority, since)
            if before and before.up != up:
                _tell(vip, states[vip])
        self.states = states
        return states


def _announced(
    vip: str, fault: str, keys: list[ServiceKey], document: Document, now: Circumstances
) -> tuple[bool, bool, str]:
    if now.bare:
        return False, False, f"{', '.join(sorted(now.bare))} is without the program"
    if fault:
        return False, False, fault
    if any(document.services[key].options.get("disabled") for key in keys):
        return False, False, "withdrawn by the configuration (*)"
    if vip not in now.announced and now.learning > 0:
        return False, False, f"learning for {now.learning:.0f} s more"
    drained_by = now.drains.vip(vip, keys)
    if drained_by:
        return True, True, f"drained: {drained_by}"
    return True, False, ""


def _highest(document: Document, keys: list[ServiceKey]) -> str:
    given = {document.services[key].options.get("priority", DEFAULT_PRIORITY) for key in keys}
    return next((each for each in _LEVELS if each in given), DEFAULT_PRIORITY)


def _tell(vip: str, state: VipState) -> None:
    if state.up:
        log.info("vip.up", vip=vip, priority=state.priority)
    else:
        log.at(_LEVELS[state.priority], "vip.down", vip=vip, priority=state.priority, why=state.why)
