"""Tasks that never end by themselves. One that does is a defect, and must not go unnoticed: a state or a MAC
that nobody follows any more sends packets to where no real is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .. import log

Failed = Callable[[BaseException], None]


def only_log(failure: BaseException) -> None:
    log.defect("task.defect", failure)


def start(work: Coroutine[Any, Any, None], failed: Failed, name: str | None = None) -> asyncio.Task[None]:
    """The task of `work`. If it ends in any way but by being cancelled, `failed` is told at once."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            failed(task.exception() or RuntimeError(f"{task.get_name()} ended"))

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    return task


async def cancel(task: asyncio.Task[None]) -> None:
    """Returns when it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
