"""Every event, in order, in batches, to a sink that takes them: Elasticsearch, syslog.

While the sink does not take them they wait, as many as there is room for; then new ones are dropped and
counted, so that what led to the trouble is kept, and order with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from .. import log
from ..loop.supervise import cancel, only_log, start
from .delivery import Counts, Delivery, Send
from .secret import Hidden
from .sink import Sink
from .told import Told

MOST_EVENTS = 10_000
MOST_BYTES = 8 << 20
BATCH = 100
_GATHERED = 1.0  # s for which events are gathered


class Pump:
    """Make it inside the running loop, and offer to it from there only."""

    def __init__(self, name: str, send: Send[list[Told]], hidden: Hidden) -> None:
        self._delivery = Delivery(name, send, hidden)
        self._waiting: deque[Told] = deque()
        self._under_way: list[Told] = []
        self._bytes = 0
        self._full = False
        self._some, self._enough = asyncio.Event(), asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = start(self._for_ever(), only_log, f"sink {name}")

    @property
    def queued(self) -> int:
        return len(self._waiting) + len(self._under_way)

    @property
    def counts(self) -> Counts:
        return self._delivery.counts

    def offer(self, event: Told) -> None:
        """Never blocks, never raises."""
        if self.queued >= MOST_EVENTS or self._bytes + event.size > MOST_BYTES:
            self.counts.dropped += 1
            if not self._full:
                self._full = True
                log.warning("sink.full", sink=self._delivery.name, dropped=self.counts.dropped)
            return
        self._waiting.append(event)
        self._bytes += event.size
        if not self._some.is_set():
            self._some.set()
            self._idle.clear()
        if len(self._waiting) == BATCH:
            self._enough.set()

    def succeed(self, old: Sink) -> None:
        """Go on where an older one ends."""
        self._delivery.counts = old.counts
        if isinstance(old, Pump):
            old._task.cancel()
            for event in [*old._under_way, *old._waiting]:
                self.offer(event)
            old._waiting.clear()
            old._under_way = []
            old._idle.set()

    async def stop(self, seconds: float) -> None:
        """Send what is there, for so long at most."""
        self._delivery.hurry.set()
        self._enough.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await cancel(self._task)
        self._delivery.give_up(self.queued)

    async def _for_ever(self) -> None:
        while True:
            await self._some.wait()
            if len(self._waiting) < BATCH and not self._delivery.hurry.is_set():
                self._enough.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GATHERED):
                        await self._enough.wait()
            while self._waiting:
                await self._send_some()
            self._full = False
            self._some.clear()
            self._idle.set()

    async def _send_some(self) -> None:
        self._under_way = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        size = sum(event.size for event in self._under_way)
        await self._delivery.deliver(self._under_way)
        self._under_way = []
        self._bytes -= size
