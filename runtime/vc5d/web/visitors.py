"""Who is connected to the console: whoever says nothing, or says it a byte at a time, is shown out.

aiohttp waits for the end of a request's headers for as long as its client likes, so that a few thousand
such clients would have all descriptors, which health checks need too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

PATIENCE = 15.0  # s for a request's headers, and between one request and the next
MOST = 256  # connections; beyond that those that have asked for nothing go at once
_EVERY = 1.0  # s

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Visitors:
    """`middleware` sees the requests; `watch_for_ever` looks after the connections of `runner`."""

    def __init__(self) -> None:
        self._busy: set[object] = set()  # connections with a request under way
        self._idle_since: dict[object, float] = {}

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def noted(request: web.Request, handler: _Handler) -> web.StreamResponse:
            connection = request.protocol
            self._busy.add(connection)
            try:
                return await handler(request)
            finally:
                self._busy.discard(connection)
                self._idle_since.pop(connection, None)  # idle from the next look on, if it is there then

        return noted

    async def watch_for_ever(self, runner: web.AppRunner) -> None:
        known: set[web.RequestHandler] = set()
        while True:
            await asyncio.sleep(_EVERY)
            there = set(runner.server.connections) if runner.server else set()
            for gone in known - there:
                self._idle_since.pop(gone, None)
            known = there
            self._show_out(there, asyncio.get_running_loop().time())

    def _show_out(self, there: set[web.RequestHandler], now: float) -> None:
        idle = {each: self._idle_since.setdefault(each, now) for each in there if each not in self._busy}
        too_many = len(there) - MOST
        for number, (connection, since) in enumerate(sorted(idle.items(), key=lambda item: item[1])):
            if now - since > PATIENCE or number < too_many:
                connection.force_close()
