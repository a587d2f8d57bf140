"""Checks every real of a document, each in a task of its own, so that a slow one delays no other.

Knows nothing of what a condition means: it reports each change, and the first result, to `report`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..supervise import Failed, only_log, start
from .checks import Plan, Plans
from .state import Condition, Result, advance

if TYPE_CHECKING:
    from ..document import ServiceKey

Round = Callable[[Plan], Awaitable[Result]]
Report = Callable[["ServiceKey", str, Condition], Awaitable[None]]

_CHECKS_A_SECOND_AT_START = 2000  # half of what one core was seen to do: the first results soon, and true
_SOONEST = 0.1  # s


@dataclass
class _Watched:
    plan: Plan
    condition: Condition = field(default_factory=Condition)
    task: asyncio.Task[None] | None = None


class Watch:
    """`round_of`: carries out one round of a plan and never raises (probers.Probers.round). `failed`: told
    when a real is no longer checked, which is a defect."""

    def __init__(self, round_of: Round, report: Report, failed: Failed = only_log) -> None:
        self._round_of = round_of
        self._report = report
        self._failed = failed
        self._watched: dict[tuple[ServiceKey, str], _Watched] = {}

    def follow(self, plans: Plans) -> None:
        """Check exactly these from now on. A real whose checks did not change keeps its condition; one
        whose plan did not change keeps its rhythm too."""
        for gone in self._watched.keys() - plans.keys():
            self._stop(self._watched.pop(gone))
        fresh: list[tuple[ServiceKey, str]] = []
        for name, plan in plans.items():
            before = self._watched.get(name)
            if before is not None and before.plan == plan:
                continue
            watched = _Watched(plan)
            if before is not None:
                self._stop(before)
                if before.plan.checks == plan.checks:
                    watched.condition = Condition(before.condition.up, before.condition.reason)
            self._watched[name] = watched
            fresh.append(name)
        for name in fresh:
            self._start(name, len(fresh))

    def condition(self, key: ServiceKey, address: str) -> Condition:
        watched = self._watched.get((key, address))
        return watched.condition if watched else Condition()

    async def stop(self) -> None:
        tasks = [watched.task for watched in self._watched.values() if watched.task]
        for watched in self._watched.values():
            self._stop(watched)
        self._watched.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, name: tuple[ServiceKey, str], beside: int) -> None:
        watched = self._watched[name]
        spread = min(watched.plan.interval, _SOONEST + beside / _CHECKS_A_SECOND_AT_START)
        delay = random.uniform(0, spread)  # noqa: S311 - spreads, protects nothing
        watched.task = start(self._check_for_ever(name, watched, delay), self._failed, f"check {name}")

    @staticmethod
    def _stop(watched: _Watched) -> None:
        if watched.task:
            watched.task.cancel()

    async def _check_for_ever(self, name: tuple[ServiceKey, str], watched: _Watched, delay: float) -> None:
        """A round every interval, counted from the start of the one before."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay)
        while True:
            started = loop.time()
            result = await self._round_of(watched.plan)
            before = watched.condition
            watched.condition = advance(before, result, watched.plan.rule)
            if watched.condition.up != before.up:
                await self._report(*name, watched.condition)
            await asyncio.sleep(max(0.0, started + watched.plan.interval - loop.time()))
