"""The HTTP server. Read-only, and on localhost unless the configuration says otherwise.

What a browser is told: to load nothing from anywhere else, to frame nothing, to guess no types. A request
whose Host is a name that leads here by somebody else's DNS is refused (DNS rebinding): by address, by
`localhost`, or by this host's own name only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from .. import log
from .listen import Listen
from .metrics import render

Status = Callable[[], Awaitable[Mapping[str, Any]]]

_FRESH = 0.5  # s for which one status answers all who ask
_AGAIN = 10.0  # s until an address that is taken is tried again
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Web:
    """`status`: gives the value that all of it is made from; may raise."""

    def __init__(self, status: Status) -> None:
        self._status_now = status
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self._asking = asyncio.Lock()
        self.app = web.Application(middlewares=[_guard], handler_args={"access_log": None})
        self.app.add_routes([web.get("/metrics", self._metrics), web.get("/status.json", self._json)])

    async def serve_for_ever(self, listen: Listen) -> None:
        """While the address cannot be had, that is logged once, and tried again: a port that somebody else
        has must not keep vc5d from forwarding."""
        runner = web.AppRunner(self.app, access_log=None, handle_signals=False)
        await runner.setup()
        told = ""
        try:
            while True:
                try:
                    await web.TCPSite(runner, listen.host, listen.port, reuse_address=True).start()
                    (log.info if listen.is_local else log.warning)("web.listening", address=listen)
                    await asyncio.Event().wait()
                except OSError as failure:
                    if told != (told := failure.strerror or str(failure)):
                        log.error("web.refused", address=listen, error=told)
                    await asyncio.sleep(_AGAIN)
        finally:
            await runner.cleanup()

    async def status(self) -> Mapping[str, Any]:
        """One for all who ask within half a second: a page in a hundred browsers costs what one costs."""
        async with self._asking:
            if self._known is None or time.monotonic() - self._known[0] > _FRESH:
                self._known = (time.monotonic(), await self._status_now())
            return self._known[1]

    async def _metrics(self, request: web.Request) -> web.Response:
        status = await self.status()
        page, content_type = await asyncio.to_thread(render, status, request.headers.get("Accept", ""))
        return web.Response(body=page, headers={"Content-Type": content_type})

    async def _json(self, _: web.Request) -> web.Response:
        text = await asyncio.to_thread(json.dumps, await self.status(), sort_keys=True)
        return web.Response(text=text, content_type="application/json")


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if not _is_own_name(request.host):
        return web.Response(status=421, text="this is not the host that you think it is\n", headers=_HEADERS)
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        response = web.Response(status=refused.status, text=f"{refused.reason}\n")
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as failure:
        message = getattr(failure, "message", "")
        if not message:
            log.defect("web.defect", failure)
        response = web.Response(status=503, text=f"{message or 'vc5d failed: its log says where'}\n")
    if not response.prepared:
        response.headers.update(
            {name: value for name, value in _HEADERS.items() if name not in response.headers}
        )
    return response


def _is_own_name(host: str) -> bool:
    """By address, `localhost`, or the name that this host gives itself."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    own = socket.gethostname().lower()
    return name in {"localhost", own, own.split(".", 1)[0], socket.getfqdn().lower()}
