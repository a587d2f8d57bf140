"""Threads that compute let the event loop go first, and still come to their end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from vc5d.loop.courtesy import give_way, giving_way, run

Runner = Callable[[Coroutine[Any, Any, int]], int]
BUSY = 0.2  # s


def slices(runner: Runner, *, busy: bool) -> int:
    """How often a thread had its turn while the loop was within one, or idle."""
    count, end = 0, threading.Event()

    def compute() -> None:
        nonlocal count
        while not end.is_set():
            give_way()
            count += 1
            time.sleep(0.0001)

    async def main() -> int:
        computing = asyncio.create_task(asyncio.to_thread(compute))
        await asyncio.sleep(0.05)
        before = count
        if busy:
            time.sleep(BUSY)  # as a handle does that computes
        else:
            await asyncio.sleep(BUSY)
        had = count - before
        end.set()
        await computing
        return had

    return runner(main())


def test_a_thread_waits_while_the_loop_is_within_a_turn_but_not_for_ever() -> None:
    idle = slices(run, busy=False)
    assert idle > 300
    assert idle / 20 < slices(run, busy=True) < idle / 2


def test_beside_another_loop_nothing_waits() -> None:
    assert slices(asyncio.run, busy=True) > 300


def test_the_loop_does_not_wait_for_itself() -> None:
    async def main() -> float:
        await asyncio.sleep(0.01)  # idle once, and in a turn again
        begin = time.perf_counter()
        for each in giving_way(range(200)):
            while time.perf_counter() - begin < 0.001 * each:
                pass
        return time.perf_counter() - begin

    assert run(main()) < 0.3


def test_after_the_loop_nothing_waits_also_if_it_failed() -> None:
    async def main() -> None:
        raise ValueError("as wanted")

    with pytest.raises(ValueError, match="as wanted"):
        run(main())
    begin = time.perf_counter()
    for _ in range(1000):
        give_way()
    assert time.perf_counter() - begin < 0.5
