"""Time limits of very many short waits, each for much less than a timer of the event loop costs.

As asyncio.timeout_at, but up to `_STEP` late: all that end within one step share a timer.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

_STEP = 0.01  # s


class Deadlines:
    """Make it inside the running loop; close() it in the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._steps: dict[int, set[Deadline]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def at(self, when: float) -> Deadline:
        """For `with`, in a task: raises TimeoutError there, after `when` of the loop's clock."""
        number = int(when / _STEP) + 1
        waiting = self._steps.get(number)
        if waiting is None:
            waiting = self._steps[number] = set()
            self._timers[number] = self._loop.call_at(number * _STEP, self._over, number)
        return Deadline(waiting)

    def _over(self, number: int) -> None:
        del self._timers[number]
        for deadline in self._steps.pop(number):
            deadline.end()


class Deadline:
    """Of one wait."""

    def __init__(self, waiting: set[Deadline]) -> None:
        self._waiting, self._over = waiting, False
        self._task: asyncio.Task[object] | None = None

    def end(self) -> None:
        if self._task:
            self._over = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._waiting.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.discard(self)
        if self._over and self._task and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
