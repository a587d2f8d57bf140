"""The HTTP server: console, metrics, status. On localhost unless the configuration says otherwise, and beside
that on a UNIX socket if one is named."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from .. import log
from ..activity import Activity
from ..announce.bird_client import Sessions
from ..operator.control import Command, is_served
from . import files, headers
from .feed import Feed
from .listen import Listen
from .metrics import render
from .pieces import array_pieces, prefix6_pieces, send, status_pieces, stream
from .visitors import Visitors
from .writing import Token, Writing

Status = Callable[[], Awaitable[Mapping[str, Any]]]

_FRESH = 0.5  # s for which one status answers all who ask
_AGAIN = 10.0  # s until an address that is taken is tried again
_SAMPLED = 64  # one packet in so many is counted by prefix (bpf/DESIGN.md)
_PATIENCE = 30.0  # s for a browser to take what it is sent


def _is_no_clients_fault(record: logging.LogRecord) -> bool:
    """What is no HTTP, and who leaves early, is the client's affair, and told to it: a port scanner shall not
    fill the log with errors."""
    failure = record.exc_info[1] if record.exc_info else None
    return not isinstance(failure, HttpProcessingError | ConnectionError)


logging.getLogger("aiohttp.server").addFilter(_is_no_clients_fault)


@dataclass(frozen=True)
class Content:
    """What is shown. `status` may raise Vc5Error. prefixes: where packets come from (sampling.Prefixes);
    None: this data path does not count that. commands: as writing.Writing has them. webroot: the operator's
    own files in place of the console. real_metrics: whether metrics have series for each real. counts: of the
    status only what overview.brief keeps, where that is cheaper."""

    status: Status
    activity: Activity = field(default_factory=Activity)
    prefixes: Callable[[], Awaitable[Any]] | None = None
    bird: Callable[[], Awaitable[Sessions]] | None = None
    commands: Mapping[str, Command] = field(default_factory=dict)
    token: Token | None = None
    webroot: Path | None = None
    real_metrics: bool = True
    counts: Status | None = None


class Web:
    """One of it, for as long as the daemon runs."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self._asking = asyncio.Lock()
        self._rendering = asyncio.Lock()
        self.feed = Feed(self.status, content.activity, content.bird, content.counts)
        visitors = self._visitors = Visitors()
        self.app = web.Application(
            middlewares=[visitors.middleware, headers.guard()], handler_args={"access_log": None}
        )
        self.app.on_response_prepare.append(headers.add)
        self.app.add_routes(self._routes())

    def _routes(self) -> list[web.RouteDef]:
        content = self._content
        return [
            web.get("/metrics", self._metrics),
            web.get("/status.json", self._json),
            web.get("/reals.json", self._reals),
            web.get("/prefixes.json", self._prefixes),
            web.get("/prefixes6.json", self._prefixes6),
            web.get("/events", self._events, allow_head=False),  # which has no end
            *Writing(content.commands, content.token).routes(),
            *(files.directory_routes(content.webroot) if content.webroot else files.own_routes()),
        ]

    async def serve_for_ever(self, listen: Listen | Path) -> None:
        """While the address cannot be had, that is logged once, and tried again: a port that somebody else
        has must not keep vc5d from forwarding. A path: a UNIX socket."""
        runner = web.AppRunner(self.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        watching = asyncio.create_task(self._visitors.watch_for_ever(runner))
        told = ""
        try:
            while True:
                try:
                    await _site(runner, listen)
                    local = isinstance(listen, Path) or listen.is_local
                    (log.info if local else log.warning)("web.listening", address=listen)
                    await asyncio.Event().wait()
                except OSError as failure:
                    if told != (told := failure.strerror or str(failure)):
                        log.error("web.refused", address=listen, error=told)
                    await asyncio.sleep(_AGAIN)
        finally:
            watching.cancel()
            await runner.cleanup()
            if isinstance(listen, Path):
                listen.unlink(missing_ok=True)

    async def status(self) -> Mapping[str, Any]:
        """One for all who ask within half a second: a page in a hundred browsers costs what one costs."""
        async with self._asking:
            if self._known is None or time.monotonic() - self._known[0] > _FRESH:
                self._known = (time.monotonic(), await self._content.status())
            return self._known[1]

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """One at a time: of two scrapers at once the second waits."""
        accept, content = request.headers.get("Accept", ""), self._content
        async with self._rendering:
            status = await self.status()
            parts, content_type = await asyncio.to_thread(
                render,
                status,
                accept,
                content.activity.registry,
                reals=content.real_metrics,
            )
        return await send(request, parts, content_type)

    async def _json(self, request: web.Request) -> web.StreamResponse:
        return await stream(request, status_pieces(await self.status()))

    async def _reals(self, request: web.Request) -> web.Response:
        """The reals of one service, with the time, so that a page can make rates of two answers."""
        services = (await self.status())["services"]
        if (service := services.get(request.query.get("service", ""))) is None:
            raise web.HTTPNotFound
        return web.json_response({"time": self._known and self._known[0], "reals": service.get("reals", {})})

    async def _prefixes(self, request: web.Request) -> web.StreamResponse:
        """As VC5 has it: an array of packets by source /20, 2^20 of them."""
        prefixes = await self._counted_prefixes()
        return await stream(request, array_pieces(prefixes.v4, _SAMPLED))

    async def _prefixes6(self, request: web.Request) -> web.StreamResponse:
        prefixes = await self._counted_prefixes()
        return await stream(request, prefix6_pieces(prefixes.v6, _SAMPLED))

    async def _counted_prefixes(self) -> Any:
        if self._content.prefixes is None:
            raise web.HTTPNotFound
        return await self._content.prefixes()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        client = self.feed.join()
        if client is None:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            whole = await self.feed.state()
            await response.prepare(request)
            message: bytes | None = b"retry: 2000\n\n" + whole
            while message is not None:
                async with asyncio.timeout(_PATIENCE):
                    await response.write(message)
                message = await client.messages.get()
        except (TimeoutError, ConnectionError):
            if request.transport:
                request.transport.abort()
        finally:
            self.feed.leave(client)
        return response


async def _site(runner: web.AppRunner, listen: Listen | Path) -> None:
    """Raises OSError."""
    if isinstance(listen, Listen):
        await web.TCPSite(runner, listen.host, listen.port, reuse_address=True).start()
        return
    if is_served(listen):
        raise OSError(f"another process answers on {listen}")
    if listen.exists() and not listen.is_socket():
        raise FileExistsError(f"a file that is no socket is at {listen}")
    listen.unlink(missing_ok=True)
    mask = os.umask(0o117)  # never more open than 0660, not even for a moment
    try:
        await web.UnixSite(runner, listen).start()
    finally:
        os.umask(mask)
