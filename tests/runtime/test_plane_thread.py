"""The one thread that uses the dataplane: what waits for what."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from vc5d.plane import PlaneThread

Play = Callable[[PlaneThread], Awaitable[None]]


def played(play: Play) -> None:
    async def main() -> None:
        plane = PlaneThread()
        try:
            await play(plane)
        finally:
            await asyncio.to_thread(plane.close)

    asyncio.run(main())


class Held:
    """A call that takes as long as somebody wants."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), False

    def __call__(self) -> None:
        self.begun.set()
        assert self.go_on.wait(10)
        self.ended = True


@pytest.mark.parametrize("reads", [False, True])
def test_a_change_of_health_waits_for_what_changes_but_not_for_what_only_reads(reads: bool) -> None:
    async def play(plane: PlaneThread) -> None:
        held = Held()
        holding = asyncio.create_task((plane.look if reads else plane.do)(held))
        await asyncio.to_thread(held.begun.wait)
        change = asyncio.create_task(plane.at_once(lambda: held.ended))
        done, _ = await asyncio.wait({change}, timeout=0.2)
        assert bool(done) is reads
        held.go_on.set()
        await holding
        assert await change is not reads, "what changes had ended, what reads had not"

    played(play)


def test_a_change_of_health_goes_before_all_that_waits_and_documents_wait_for_what_reads() -> None:
    async def play(plane: PlaneThread) -> None:
        held, order = Held(), list[str]()
        calls = [asyncio.create_task(plane.do(held))]
        await asyncio.to_thread(held.begun.wait)
        calls += [asyncio.create_task(plane.look(order.append, "look"))]
        calls += [asyncio.create_task(plane.do(order.append, "apply"))]
        calls += [asyncio.create_task(plane.at_once(order.append, f"change {n}")) for n in range(3)]
        await asyncio.sleep(0.01)
        held.go_on.set()
        await asyncio.gather(*calls)
        assert order == ["change 0", "change 1", "change 2", "look", "apply"]

    played(play)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_changes_of_health_keep_their_order_whatever_else_is_done() -> None:
    async def play(plane: PlaneThread) -> None:
        order, calls = list[int](), list[asyncio.Task[None]]()
        for number in range(20000):
            if number % 10 == 0:
                calls.append(asyncio.create_task((plane.do, plane.look)[number % 3 == 0](str)))
                await asyncio.sleep(0)
            calls.append(asyncio.create_task(plane.at_once(order.append, number)))
        await asyncio.gather(*calls)
        assert order == list(range(20000))

    played(play)


def test_what_was_asked_for_is_carried_out_also_if_nobody_waits_any_more() -> None:
    async def play(plane: PlaneThread) -> None:
        held = Held()
        asking = asyncio.create_task(plane.do(held))
        await asyncio.to_thread(held.begun.wait)
        asking.cancel()
        done, _ = await asyncio.wait({asking}, timeout=0.1)
        assert not done, "it is under way"
        held.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert held.ended

    played(play)


def test_what_a_call_raises_is_the_callers() -> None:
    def fail() -> None:
        raise KeyError("as wanted")

    async def play(plane: PlaneThread) -> None:
        for way in (plane.do, plane.look, plane.at_once):
            with pytest.raises(KeyError, match="as wanted"):
                await way(fail)
        assert await plane.do(lambda: 7) == 7

    played(play)


def test_what_comes_after_the_end_is_refused_and_waits_for_nobody() -> None:
    async def play(plane: PlaneThread) -> None:
        assert await plane.do(lambda: 7) == 7
        plane.close()
        for way in (plane.do, plane.look):
            asking = asyncio.create_task(way(lambda: 7))
            done, _ = await asyncio.wait({asking}, timeout=1)
            for job in plane._others:
                job.carry_out()  # or this test waited for ever, too
            assert done
            with pytest.raises(RuntimeError, match="closed"):
                await asking

    played(play)
