"""What a browser is told with every answer: to load nothing from anywhere else, to frame nothing, to guess no
types. And who is answered: a request whose Host is a name that leads here by somebody else's DNS is refused
(DNS rebinding): by address, by `localhost`, or by this host's own name only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from .. import log
from .names import Names

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard() -> Middleware:
    """Also with errors, of which a client learns no more than is meant for it."""
    names = Names()

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not await _is_own(request.host, names):
            return web.Response(
                status=421, text="this is not the host that you think it is\n", headers=HEADERS
            )
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
        return response

    return guarded


async def add(_: web.Request, response: web.StreamResponse) -> None:
    """At the moment when the headers are sent, so that what is streamed has them too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


async def _is_own(host: str, names: Names) -> bool:
    """By address, or by a name of this host's."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]")
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return await names.has(name)
