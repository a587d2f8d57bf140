"""Checks every real of a document: one schedule says when each is due, and a round has a task of its own, so
that a slow one delays no other.

Knows nothing of what a condition means: it reports each change, and the first result, to `report`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..loop.supervise import Failed, only_log
from ..loop.turns import in_turns
from .checks import Name, Plan
from .plans import ByAddress, Plans
from .rhythm import first_turn, jitter, next_turn, phase
from .state import Condition, Result, advance
from .trouble import Troubles

if TYPE_CHECKING:
    from ..document import ServiceKey

Round = Callable[[Plan], Awaitable[Result]]
Report = Callable[["ServiceKey", str, Condition], Awaitable[None]]

_CHECKS_A_SECOND_AT_START = 2000  # half of what one core was seen to do: the first results soon, and true
_SOONEST = 0.1  # s
_UNKNOWN_AGAIN = 1.0  # s
_AT_ONCE = 32  # rounds that are begun, or plans that are taken up, before others have their turn
_LOOKED_AT = 10  # services whose plans are compared
_UNKNOWN = Condition()
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


@dataclass(eq=False)
class Sides:
    """Addresses of reals of one service, by condition. revision: another one whenever something changed."""

    up: set[str]
    down: set[str]
    revision: int = -1


@dataclass(eq=False)
class _Watched:
    """turn: the last one of its phase that was given out. since, checked: as `Seen` and `Checked` have them,
    which are made for whoever asks: each check makes new ones."""

    name: Name
    plan: Plan
    condition: Condition = field(default_factory=Condition)
    since: float | None = None
    checked: tuple[float, float, bool | None] | None = None
    turn: float = 0.0
    task: asyncio.Task[None] | None = None

    def seen(self) -> Seen:
        return Seen(self.since, Checked(*self.checked) if self.checked else None)


class Watch:
    """`round_of`: carries out one round of a plan and never raises (probers.Probers.round). `failed`: told
    when a real is no longer checked, which is a defect. `known`: whether reals were up when the vc5d before
    handed over: they begin so, and no single result changes that. `late`: the most that a check began after
    its time so far, in seconds."""

    def __init__(
        self,
        round_of: Round,
        report: Report,
        failed: Failed = only_log,
        known: Mapping[Name, bool] | None = None,
    ) -> None:
        self._round_of = round_of
        self._known = dict(known or {})
        self._report = report
        self._failed = failed
        self._troubles = Troubles()
        self._watched: dict[ServiceKey, dict[str, _Watched]] = {}
        self._followed: dict[ServiceKey, ByAddress] = {}  # whole: of these nothing else is watched
        self._due: list[tuple[float, int, _Watched]] = []  # a heap; the number: of two at one time the first
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._one_at_a_time = asyncio.Lock()
        self._sides: defaultdict[ServiceKey, Sides] = defaultdict(lambda: Sides(set(), set()))
        self.late = 0.0

    async def follow(self, wanted: Mapping[Name, Plan]) -> list[Name]:
        """Check exactly these from now on. A real whose checks did not change keeps its condition; one
        whose plan did not change keeps its rhythm too. Those that are checked no more."""
        plans = Plans.of(wanted).by_service
        async with self._one_at_a_time:
            others = [key for key, its in plans.items() if self._followed.get(key) is not its]
            ended = [key for key in self._watched if key not in plans]
            for key in (*others, *ended):
                self._followed.pop(key, None)  # until it is done: this may be cancelled
            fresh = [
                ((key, address), plan)
                async for key in in_turns(others, _LOOKED_AT)
                for address, plan in plans[key].items()
                if self._is_new(key, address, plan)
            ]
            async for name, plan in in_turns(fresh, _AT_ONCE):
                self._follow(name, plan, len(fresh))
            gone = [
                (key, address)
                async for key in in_turns([*others, *ended], _LOOKED_AT)
                for address in self._watched.get(key, {}).keys() - plans.get(key, {}).keys()
            ]
            async for name in in_turns(gone, _AT_ONCE):
                self._forget(name)
            self._followed.update((key, plans[key]) for key in others)
            if len(self._due) > 2 * sum(map(len, self._watched.values())):
                self._due = [each for each in self._due if self._is_watched(each[-1])]
                heapq.heapify(self._due)
            return gone

    def condition(self, key: ServiceKey, address: str) -> Condition:
        watched = self._watched.get(key, {}).get(address)
        return watched.condition if watched else _UNKNOWN

    def seen(self, key: ServiceKey, address: str) -> Seen:
        watched = self._watched.get(key, {}).get(address)
        return watched.seen() if watched else Seen()

    def sides(self, key: ServiceKey) -> Sides:
        """The reals of a service that are up, and those that are down; of others nothing is known yet."""
        return self._sides[key]

    async def stop(self) -> None:
        every = [watched for its in self._watched.values() for watched in its.values()]
        tasks = [watched.task for watched in every if watched.task]
        for watched in every:
            self._stop(watched)
        self._watched.clear()
        self._followed.clear()
        self._due.clear()
        if self._alarm:
            self._alarm.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_new(self, key: ServiceKey, address: str, plan: Plan) -> bool:
        before = self._watched.get(key, {}).get(address)
        return before is None or (before.plan is not plan and before.plan != plan)

    def _is_watched(self, watched: _Watched) -> bool:
        key, address = watched.name
        return self._watched.get(key, {}).get(address) is watched

    def _follow(self, name: Name, plan: Plan, beside: int) -> None:
        key, address = name
        its = self._watched.setdefault(key, {})
        before = its.get(address)
        watched = its[address] = _Watched(name, plan)
        if before is None and name in self._known:
            watched.condition = Condition(self._known.pop(name), "as before the restart")
        if before is not None:
            self._stop(before)
            if before.plan.checks == plan.checks:
                watched.condition = Condition(before.condition.up, before.condition.reason)
                watched.since, watched.checked = before.since, before.checked
        self._take_side(name, watched.condition.up)
        self._schedule_first(watched, beside)

    def _forget(self, name: Name) -> None:
        key, address = name
        self._stop(self._watched[key].pop(address))
        if not self._watched[key]:
            del self._watched[key]
        self._take_side(name, None)

    def _take_side(self, name: Name, up: bool | None) -> None:
        key, address = name
        sides = self._sides[key]
        sides.revision = next(self._numbers)
        for side, its in ((sides.up, True), (sides.down, False)):
            (side.add if up is its else side.discard)(address)
        if not sides.up and not sides.down:
            del self._sides[key]

    @staticmethod
    def _stop(watched: _Watched) -> None:
        """Its entry in the heap is passed over when it is due."""
        if watched.task:
            watched.task.cancel()

    # When

    def _schedule_first(self, watched: _Watched, beside: int) -> None:
        """The first round soon, then one each interval, at turns of the real's own phase."""
        own_phase, interval = phase("{} {}".format(*watched.name)), watched.plan.interval
        spread = min(interval, _SOONEST + beside / _CHECKS_A_SECOND_AT_START)
        due = asyncio.get_running_loop().time() + own_phase * spread
        watched.turn = first_turn(due, interval, own_phase)
        self._schedule(watched, due)

    def _schedule_next(self, watched: _Watched) -> None:
        now, interval = asyncio.get_running_loop().time(), watched.plan.interval
        due = max(now, watched.turn + jitter(interval))
        if (
            watched.condition.up is None
        ):  # this host could not ask: nobody should wait a long interval for that
            due = min(due, now + min(interval, _UNKNOWN_AGAIN))
        watched.turn = next_turn(watched.turn, now, interval)
        self._schedule(watched, due)

    def _schedule(self, watched: _Watched, due: float) -> None:
        heapq.heappush(self._due, (due, next(self._numbers), watched))
        if self._alarm is None or due < self._alarm.when():
            self._set_alarm(due)

    def _set_alarm(self, when: float) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        """Begins what is due; if that is very much, the rest of it when others have had their turn."""
        loop, self._alarm = asyncio.get_running_loop(), None
        for _ in range(_AT_ONCE):
            if not self._due or self._due[0][0] > loop.time():
                break
            due, _, watched = heapq.heappop(self._due)
            if self._is_watched(watched):
                self._note_lateness(loop.time() - due, watched.plan.interval)
                watched.task = loop.create_task(self._check_once(watched))
        if self._due:
            self._set_alarm(self._due[0][0])

    # What

    async def _check_once(self, watched: _Watched) -> None:
        try:
            await self._check(watched)
        except Exception as failure:
            self._failed(failure)
        else:
            if self._is_watched(watched):
                self._schedule_next(watched)
        finally:
            watched.task = None

    async def _check(self, watched: _Watched) -> None:
        begin = time.monotonic()
        result = await self._round_of(watched.plan)
        seconds, now = time.monotonic() - begin, time.time()
        if result.passed is None:
            self._troubles.note(result.reason)
        before = watched.condition
        watched.condition = advance(before, result, watched.plan.rule)
        watched.checked = (now, seconds, result.passed)
        if watched.condition.up != before.up:
            watched.since = now
            self._take_side(watched.name, watched.condition.up)
            await self._report(*watched.name, watched.condition)

    def _note_lateness(self, late: float, interval: float) -> None:
        self.late = max(self.late, late)
        if late > _LATE * interval:
            self._troubles.note("this host is too busy: checks begin late; longer intervals need less of it")
