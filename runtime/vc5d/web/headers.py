"""What a browser is told with every answer: to load nothing from anywhere else, to frame nothing, to guess no
types. And who is answered: a request whose Host is a name that leads here by somebody else's DNS is refused
(DNS rebinding): by address, by `localhost`, or by this host's own name only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from .. import log

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Also with errors, of which a client learns no more than is meant for it."""
    if not _is_own_name(request.host):
        return web.Response(status=421, text="this is not the host that you think it is\n", headers=HEADERS)
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


async def add(_: web.Request, response: web.StreamResponse) -> None:
    """At the moment when the headers are sent, so that what is streamed has them too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _is_own_name(host: str) -> bool:
    """By address, `localhost`, or the name that this host gives itself."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    own = socket.gethostname().lower()
    return name in {"localhost", own, own.split(".", 1)[0], socket.getfqdn().lower()}
