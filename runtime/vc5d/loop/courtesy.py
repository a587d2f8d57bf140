"""Threads that compute beside the event loop, and let it go first.

One thread at a time has the interpreter. A thread that computes gets it at each call into the kernel that the
event loop makes, and the loop has it back after 0.1 to 0.3 ms: a turn in which a hundred sockets are read
would take 30 ms instead of 3. So such a thread waits where it may (`give_way`) while the loop is within a
turn, and goes on when the loop waits for events. `run` is asyncio.run with a loop that says so; beside any
other loop nothing waits.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_SLICE = 0.0005  # s that a thread computes before it gives way again
_MOST = 0.002  # s that it waits: beside a loop that is never idle it has a fifth of the time

_idle = threading.Event()  # one for the process, as the interpreter is
_idle.set()


class _Thread(threading.local):
    """runs_loop: it is the event loop's own. since: when it last went on, in perf_counter's seconds."""

    runs_loop = False
    since = 0.0


_this = _Thread()


def give_way() -> None:
    """Returns when the event loop waits for events, or soon. To be called at least each millisecond of
    computing; costs next to nothing while the loop is idle."""
    if _idle.is_set() or _this.runs_loop or time.perf_counter() - _this.since < _SLICE:
        return
    _idle.wait(_MOST)
    _this.since = time.perf_counter()


def giving_way(items: Iterable[T], at_once: int = 1) -> Iterator[T]:
    """The items; before each `at_once` of them gives way."""
    for number, item in enumerate(items):
        if number % at_once == 0:
            give_way()
        yield item


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, to whose loop others give way."""
    import asyncio  # noqa: PLC0415 - the process that reads documents needs none of it

    from .lookups import Loop  # noqa: PLC0415

    with asyncio.Runner(loop_factory=lambda: Loop(_Selector())) as runner:
        return runner.run(main)


class _Selector(selectors.EpollSelector):
    def __init__(self) -> None:
        super().__init__()
        _this.runs_loop = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:  # the loop has more to do
            return super().select(timeout)
        _idle.set()
        try:
            return super().select(timeout)
        finally:
            _idle.clear()

    def close(self) -> None:
        super().close()
        _idle.set()
        _this.runs_loop = False
