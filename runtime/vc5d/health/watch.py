"""Checks every real of a document, each in a task of its own, so that a slow one delays no other.

Knows nothing of what a condition means: it reports each change, and the first result, to `report`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..supervise import Failed, only_log, start
from .checks import Name, Plan, Plans
from .rhythm import first_turn, jitter, next_turn, phase
from .state import Condition, Result, advance
from .trouble import Troubles

if TYPE_CHECKING:
    from ..document import ServiceKey

Round = Callable[[Plan], Awaitable[Result]]
Report = Callable[["ServiceKey", str, Condition], Awaitable[None]]

_CHECKS_A_SECOND_AT_START = 2000  # half of what one core was seen to do: the first results soon, and true
_SOONEST = 0.1  # s
_LATE = 0.25  # of an interval: a check that begins so late is trouble worth telling


@dataclass(frozen=True)
class Checked:
    """The last round of a real's checks. when: it ended, in seconds since the epoch. seconds: it took. ok:
    None: this host could not ask."""

    when: float
    seconds: float
    ok: bool | None


@dataclass(frozen=True)
class Seen:
    """Beside a real's condition. since: when `up` last changed, in seconds since the epoch; None: it is not
    known yet. checked: None: not yet."""

    since: float | None = None
    checked: Checked | None = None


@dataclass
class _Watched:
    plan: Plan
    condition: Condition = field(default_factory=Condition)
    seen: Seen = field(default_factory=Seen)
    task: asyncio.Task[None] | None = None


class Watch:
    """`round_of`: carries out one round of a plan and never raises (probers.Probers.round). `failed`: told
    when a real is no longer checked, which is a defect. `late`: the most that a check began after its time
    so far, in seconds."""

    def __init__(self, round_of: Round, report: Report, failed: Failed = only_log) -> None:
        self._round_of = round_of
        self._report = report
        self._failed = failed
        self._troubles = Troubles()
        self._watched: dict[Name, _Watched] = {}
        self.late = 0.0

    def follow(self, plans: Plans) -> None:
        """Check exactly these from now on. A real whose checks did not change keeps its condition; one
        whose plan did not change keeps its rhythm too."""
        for gone in self._watched.keys() - plans.keys():
            self._stop(self._watched.pop(gone))
        fresh: list[Name] = []
        for name, plan in plans.items():
            before = self._watched.get(name)
            if before is not None and before.plan == plan:
                continue
            watched = _Watched(plan)
            if before is not None:
                self._stop(before)
                if before.plan.checks == plan.checks:
                    watched.condition = Condition(before.condition.up, before.condition.reason)
                    watched.seen = before.seen
            self._watched[name] = watched
            fresh.append(name)
        for name in fresh:
            self._start(name, len(fresh))

    def condition(self, key: ServiceKey, address: str) -> Condition:
        watched = self._watched.get((key, address))
        return watched.condition if watched else Condition()

    def seen(self, key: ServiceKey, address: str) -> Seen:
        watched = self._watched.get((key, address))
        return watched.seen if watched else Seen()

    async def stop(self) -> None:
        tasks = [watched.task for watched in self._watched.values() if watched.task]
        for watched in self._watched.values():
            self._stop(watched)
        self._watched.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, name: Name, beside: int) -> None:
        watched = self._watched[name]
        own_phase = phase("{} {}".format(*name))
        spread = min(watched.plan.interval, _SOONEST + beside / _CHECKS_A_SECOND_AT_START)
        work = self._check_for_ever(name, watched, own_phase, own_phase * spread)
        watched.task = start(work, self._failed, f"check {name}")

    @staticmethod
    def _stop(watched: _Watched) -> None:
        if watched.task:
            watched.task.cancel()

    async def _check_for_ever(self, name: Name, watched: _Watched, own_phase: float, delay: float) -> None:
        """The first round soon, then one each interval, at turns of the real's own phase."""
        loop = asyncio.get_running_loop()
        interval = watched.plan.interval
        due = loop.time() + delay
        turn = first_turn(due, interval, own_phase)
        while True:
            await asyncio.sleep(due - loop.time())
            self._note_lateness(loop.time() - due, interval)
            await self._check(name, watched)
            now = loop.time()
            due = max(now, turn + jitter(interval))
            turn = next_turn(turn, now, interval)

    async def _check(self, name: Name, watched: _Watched) -> None:
        begin = time.monotonic()
        result = await self._round_of(watched.plan)
        seconds, now = time.monotonic() - begin, time.time()
        if result.passed is None:
            self._troubles.note(result.reason)
        before = watched.condition
        watched.condition = advance(before, result, watched.plan.rule)
        since = watched.seen.since if watched.condition.up == before.up else now
        watched.seen = Seen(since, Checked(now, seconds, result.passed))
        if watched.condition.up != before.up:
            await self._report(*name, watched.condition)

    def _note_lateness(self, late: float, interval: float) -> None:
        self.late = max(self.late, late)
        if late > _LATE * interval:
            self._troubles.note("this host is too busy: checks begin late; longer intervals need less of it")
