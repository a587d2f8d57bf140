"""Many reals checked side by side, with a round of checks that the test decides."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

import pytest
from vc5d import log
from vc5d.document import ServiceKey
from vc5d.health.checks import Check, Name, Plan
from vc5d.health.state import Condition, Result, Rule
from vc5d.health.trouble import Troubles
from vc5d.health.watch import Watch

KEY = ServiceKey("192.0.2.1", 80, "tcp")
INTERVAL = 0.02


class Scene:
    """`up`: what the next round finds, by real; `stuck`: those whose round never ends."""

    def __init__(self) -> None:
        self.up: dict[str, bool] = {}
        self.stuck: set[str] = set()
        self.rounds: Counter[str] = Counter()
        self.paths: list[str] = []
        self.reports: list[tuple[str, bool | None, str]] = []
        self.watch = Watch(self.round, self.report)

    async def round(self, plan: Plan) -> Result:
        self.rounds[plan.real] += 1
        self.paths.append(plan.checks[0].path)
        if plan.real in self.stuck:
            await asyncio.Event().wait()
        passed = self.up.get(plan.real, True)
        return Result(passed, "fine" if passed else "broken")

    async def report(self, key: ServiceKey, address: str, condition: Condition) -> None:
        self.reports.append((address, condition.up, condition.reason))

    async def reported(self, count: int) -> None:
        async with asyncio.timeout(3):
            while len(self.reports) < count:
                await asyncio.sleep(0.005)


def plans(*reals: str, path: str = "/", rule: Rule = Rule(2, 3)) -> dict[Name, Plan]:  # noqa: B008 - frozen
    check = Check("http", 80, path=path)
    return {(KEY, real): Plan(KEY, real, (check,), rule, INTERVAL, 1.0) for real in reals}


def play(work: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        scene = Scene()
        try:
            await work(scene)
        finally:
            await scene.watch.stop()

    asyncio.run(main())


def test_first_results_and_changes_are_reported_once() -> None:
    async def work(scene: Scene) -> None:
        scene.up["b"] = False
        await scene.watch.follow(plans("a", "b"))
        assert scene.watch.condition(KEY, "a").up is None
        await scene.reported(2)
        assert sorted(scene.reports) == [("a", True, "fine"), ("b", False, "broken")]
        scene.up["a"] = False
        await scene.reported(3)
        assert scene.reports[2:] == [("a", False, "broken")]
        await asyncio.sleep(5 * INTERVAL)
        assert len(scene.reports) == 3

    play(work)


def test_one_that_never_answers_delays_no_other() -> None:
    async def work(scene: Scene) -> None:
        scene.stuck.add("a")
        await scene.watch.follow(plans("a", "b"))
        await scene.reported(1)
        await asyncio.sleep(5 * INTERVAL)
        assert scene.rounds["a"] == 1
        assert scene.rounds["b"] >= 3

    play(work)


def test_a_reload_keeps_the_condition_of_unchanged_checks() -> None:
    async def work(scene: Scene) -> None:
        await scene.watch.follow(plans("same", "changed", "gone"))
        await scene.reported(3)
        new = {**plans("same", rule=Rule(1, 1)), **plans("changed", path="/other"), **plans("new")}
        await scene.watch.follow(new)
        assert scene.watch.condition(KEY, "same").up is True
        for unknown in ("changed", "gone", "new"):
            assert scene.watch.condition(KEY, unknown).up is None, unknown
        await scene.reported(5)
        assert sorted(scene.reports[3:]) == [("changed", True, "fine"), ("new", True, "fine")]
        rounds = scene.rounds["gone"]
        await scene.watch.follow(plans("changed", path="/other"))
        scene.paths.clear()
        await asyncio.sleep(3 * INTERVAL)
        assert scene.rounds["gone"] == rounds
        assert set(scene.paths) == {"/other"}

    play(work)


def test_following_the_same_again_changes_nothing() -> None:
    async def work(scene: Scene) -> None:
        same = {name: replace(plan, interval=60.0) for name, plan in plans("a").items()}
        await scene.watch.follow(same)
        await scene.reported(1)
        await scene.watch.follow(dict(same))
        await asyncio.sleep(0.2)
        assert scene.rounds["a"] == 1

    play(work)


def test_what_the_one_before_knew_is_changed_by_no_single_result() -> None:
    async def work(scene: Scene) -> None:
        watch = Watch(scene.round, scene.report, known={(KEY, "a"): True, (KEY, "b"): False})
        scene.up.update(a=False, b=True, c=False)
        await watch.follow(plans("a", "b", "c"))
        assert watch.condition(KEY, "a").up is True
        assert watch.condition(KEY, "b").up is False
        assert (watch.sides(KEY).up, watch.sides(KEY).down) == ({"a"}, {"b"})
        await scene.reported(3)
        assert scene.reports[0][0] == "c", "of which nothing was known"
        assert min(scene.rounds["a"], scene.rounds["b"]) >= 2, "two of three"
        await watch.stop()

    play(work)


def test_a_real_that_is_checked_no_more_is_a_defect_that_is_told() -> None:
    """Else its last state would stay for ever, whatever becomes of it."""

    async def work(scene: Scene) -> None:
        async def refuse(key: ServiceKey, address: str, condition: Condition) -> None:
            raise ZeroDivisionError

        told: list[BaseException] = []
        watch = Watch(scene.round, refuse, told.append)
        await watch.follow(plans("a"))
        async with asyncio.timeout(3):
            while not told:
                await asyncio.sleep(0.005)
        assert isinstance(told[0], ZeroDivisionError)
        await watch.stop()
        assert len(told) == 1, "to be stopped is none"

    play(work)


def test_a_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock goes a day forth and back at every look."""
    days = count()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86400 * (-1) ** next(days) * next(days))

    async def work(scene: Scene) -> None:
        scene.up["b"] = False
        await scene.watch.follow(plans("a", "b"))
        await scene.reported(2)
        scene.rounds.clear()
        await asyncio.sleep(10 * INTERVAL)
        assert 5 <= scene.rounds["a"] <= 11
        assert len(scene.reports) == 2

    play(work)


def test_what_could_not_be_checked_is_told_and_changes_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(log, "warning", lambda event, **values: told.append(values["why"]))

    async def work(scene: Scene) -> None:
        async def round_of(plan: Plan) -> Result:
            scene.rounds[plan.real] += 1
            return (
                Result(True, "fine") if scene.rounds[plan.real] < 3 else Result(None, "could not check: why")
            )

        watch = Watch(round_of, scene.report)
        watch._troubles = Troubles(log.warning)
        await watch.follow(plans("a"))
        await scene.reported(1)
        await asyncio.sleep(8 * INTERVAL)
        assert watch.condition(KEY, "a").up is True
        assert watch.condition(KEY, "a").reason == "could not check: why", "it is to be seen"
        await watch.stop()
        assert told.count("could not check: why") == 1

    play(work)
