"""Long work in the event loop, a part at a time: what else is due comes in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

_SLICE = 0.0005  # s


async def in_turns(items: Iterable[T], at_once: int) -> AsyncIterator[T]:
    """The items; after each `at_once` of them all others have their turn. The items must not change in
    between."""
    for number, item in enumerate(items, 1):
        yield item
        if number % at_once == 0:
            await asyncio.sleep(0)


class Slices:
    """As `in_turns`, by time: for what is nearly always done at once, and now and then takes long. `took`:
    seconds, without those that others had."""

    def __init__(self) -> None:
        self.took = 0.0

    async def of(self, items: Iterable[T]) -> AsyncIterator[T]:
        begin = time.perf_counter()
        for item in items:
            yield item
            if (took := time.perf_counter() - begin) >= _SLICE:
                self.took += took
                await asyncio.sleep(0)
                begin = time.perf_counter()
        self.took += time.perf_counter() - begin
