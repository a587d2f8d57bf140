"""HTTP and HTTPS checks of a VIP on one real, by aiohttp.

One client session serves every real. What differs between them is the mark of the socket, and aiohttp asks
`socket_factory` for the socket inside the task that sends the request: the mark travels there in a context
variable. No connection is kept, since one real's must never carry another's request.
"""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from typing import Any

import aiohttp
from yarl import URL

from .checks import ANY_STATUS, Check
from .state import Result
from .target import Target, in_words, marked_socket

_mark: ContextVar[int] = ContextVar("mark")


def _marked(address: tuple[Any, ...]) -> Any:
    family, kind, protocol, _, _ = address
    return marked_socket(family, kind, protocol, _mark.get())


class HttpProber:
    """Sends the requests. Make it inside the running loop; close() it in the end."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=_marked, force_close=True, limit=0, ssl=_unverified()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "vc5d"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def probe(self, target: Target, check: Check) -> Result:
        """Passes on an expected status; the body is not read, a redirect not followed.
        Ends only when it is answered: the caller limits the time."""
        _mark.set(target.mark)
        url = URL(f"{check.type}://{target.vip}:{check.port}{_absolute(check.path)}", encoded=True)
        headers = {"Host": check.host} if check.host else {}
        try:
            async with self._session.request(
                check.method, url, headers=headers, allow_redirects=False, server_hostname=check.host or None
            ) as response:
                status = response.status
                response.close()
        except (aiohttp.ClientError, OSError) as failure:
            return Result(False, _in_words(failure))
        return _judge(status, check)


def _judge(status: int, check: Check) -> Result:
    if status in check.expect or ANY_STATUS in check.expect:
        return Result(True, f"HTTP {status}")
    return Result(False, f"HTTP {status}, expected {' or '.join(map(str, check.expect))}")


def _absolute(path: str) -> str:
    return path if path.startswith("/") else "/" + path


def _unverified() -> ssl.SSLContext:
    """TLS as a health check wants it: the certificate names a host, not this address, and whether it has
    expired is the clients' concern. The question is only whether the server answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _in_words(failure: aiohttp.ClientError | OSError) -> str:
    if isinstance(failure, aiohttp.ClientConnectorSSLError):
        return "TLS handshake failed"
    if isinstance(failure, aiohttp.ClientOSError) and failure.errno is not None:
        cause = failure.__cause__ if isinstance(failure.__cause__, OSError) else failure
        return in_words(cause)
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(failure, aiohttp.ClientResponseError):
        return f"not HTTP: {failure.message.splitlines()[0] if failure.message else 'unreadable answer'}"
    return str(failure) or type(failure).__name__
