"""Who traces now, and what they are told: the asynchronous side.

A tracer is a stream over the control socket. The first one brings the tracing program, the last one to end
takes it away; what waits for a tracer that reads slowly is bounded, and what did not fit is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from .. import log
from ..errors import Vc5Error
from ..plane import Dataplane, PlaneThread
from .events import Records, filters_of, time_ns_of
from .ring import Ring
from .standin import TRACERS, Counts, TraceMaps
from .wanted import Wanted

_WAITING = 1000  # events that may wait for one tracer
_AT_ONCE = 256  # events read in one turn of the loop …
_PAUSE = 0.01  # … s until the next, if there were so many
_BATCH = 100  # events named at a time
_COUNTED_EVERY = 1.0  # s


class _Tracer:
    """One stream. `counts`: the last that it was told of."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.waiting: deque[bytes] = deque()
        self.overflown = 0
        self.something = asyncio.Event()
        self.begun_ns = 0  # CLOCK_MONOTONIC; 0: not yet. What is older is of the place's last tracer
        self.failure: Vc5Error | None = None

    def give(self, raw: bytes) -> None:
        if time_ns_of(raw) < self.begun_ns:
            return
        if len(self.waiting) >= _WAITING:
            self.overflown += 1
        else:
            self.waiting.append(raw)
        self.something.set()

    def take(self) -> list[bytes]:
        self.something.clear()
        taken = [self.waiting.popleft() for _ in range(min(_BATCH, len(self.waiting)))]
        if self.waiting:
            self.something.set()
        return taken


class Tracers:
    """dataplane: asked for when it is there."""

    def __init__(self, plane: PlaneThread, dataplane: Callable[[], Dataplane]) -> None:
        self._plane, self._dataplane = plane, dataplane
        self._places: list[_Tracer | None] = [None] * TRACERS
        self._changed = asyncio.Event()
        self._maps: TraceMaps | None = None
        self._ring: Ring | None = None

    async def trace(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """{"filter": {…}}: first {"tracing": true}, when it has begun; then {"event": {…}} for each packet
        and {"counts": {…}} when packets were matched that are not told of. Raises Vc5Error."""
        tracer = _Tracer(Wanted.of(request.get("filter", {})))
        number = self._take_place(tracer)
        try:
            while not tracer.begun_ns:
                await self._something(tracer)
            yield {"tracing": True}
            async for item in self._items(number, tracer):
                yield item
        finally:
            self._places[number] = None
            if self._maps:
                self._maps.clear_filter(number)
            self._changed.set()

    async def for_ever(self) -> None:
        """Brings the tracing program when there are tracers and takes it away when there are none."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._follow()
            except Vc5Error as failure:
                log.error("trace.failed", error=failure.message)
                self._end_all(failure)

    def close(self) -> None:
        """vc5d ends; the dataplane puts the plain program back when it is closed."""
        self._end_all(Vc5Error("vc5d ends"))
        self._forget_ring()
        self._maps = None

    # Tracers

    def _take_place(self, tracer: _Tracer) -> int:
        if None not in self._places:
            raise Vc5Error(f"{TRACERS} trace already, and no more can", "end one of them")
        number = self._places.index(None)
        self._places[number] = tracer
        self._changed.set()
        return number

    async def _items(self, number: int, tracer: _Tracer) -> AsyncGenerator[dict[str, Any], None]:
        told, due = Counts(), asyncio.get_running_loop().time() + _COUNTED_EVERY
        while True:
            await self._something(tracer)
            if taken := tracer.take():
                for event in await self._named(taken):
                    yield {"event": event}
            if asyncio.get_running_loop().time() >= due:
                due += _COUNTED_EVERY
                await self._check()
                now = self._counts(number, tracer)
                if (now.limited, now.lost) != (told.limited, told.lost):
                    told = now
                    yield {"counts": vars(now)}

    async def _something(self, tracer: _Tracer) -> None:
        """Waits for something to tell, a while. Raises the failure that ended the tracing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COUNTED_EVERY):
                await tracer.something.wait()
        if tracer.failure:
            raise tracer.failure

    async def _named(self, raw: list[bytes]) -> list[dict[str, Any]]:
        records = Records(raw)
        names = await self._plane.look(self._dataplane().named, records.services(), records.reals())
        return records.events(names)

    async def _check(self) -> None:
        if not await self._plane.look(self._dataplane().is_traced):
            self._end_all(Vc5Error("tracing ended: vc5d could not go on with it", "its log says why"))

    def _counts(self, number: int, tracer: _Tracer) -> Counts:
        found = self._maps.counts()[number] if self._maps else Counts()
        return Counts(found.matched, found.limited, found.lost + tracer.overflown)

    def _end_all(self, failure: Vc5Error) -> None:
        for tracer in self._places:
            if tracer:
                tracer.failure = failure
                tracer.something.set()

    # The program

    async def _follow(self) -> None:
        living = [tracer for tracer in self._places if tracer and not tracer.failure]
        if living and self._maps is None:
            self._maps = await self._plane.do(self._dataplane().start_tracing)
            self._ring = Ring(self._maps.fds["trace_events"])
            self._listen()
            log.info("trace.begun")
        if not living and self._maps is not None:
            self._forget_ring()
            self._maps = None
            await self._plane.do(self._dataplane().stop_tracing)
            log.info("trace.ended")
        for number, tracer in enumerate(self._places):
            if self._maps and tracer and not tracer.begun_ns and not tracer.failure:
                self._maps.set_filter(number, tracer.wanted.record)
                tracer.begun_ns = time.monotonic_ns()
                tracer.something.set()

    def _listen(self) -> None:
        if self._ring:
            asyncio.get_running_loop().add_reader(self._ring.fileno(), self._read)

    def _read(self) -> None:
        """A turn's worth. A kernel that tells faster than this waits, and loses."""
        if self._ring is None:
            return
        taken = self._ring.read(_AT_ONCE)
        for raw in taken:
            filters = filters_of(raw)
            for number, tracer in enumerate(self._places):
                if tracer and filters >> number & 1:
                    tracer.give(raw)
        if len(taken) >= _AT_ONCE:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._ring.fileno())
            loop.call_later(_PAUSE, self._listen)

    def _forget_ring(self) -> None:
        if self._ring:
            asyncio.get_running_loop().remove_reader(self._ring.fileno())
            self._ring.close()
            self._ring = None
