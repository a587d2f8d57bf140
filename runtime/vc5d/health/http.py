"""HTTP and HTTPS checks of a VIP on one real, by aiohttp.

One client session serves every real. What differs between them is the mark of the socket, and aiohttp asks
`socket_factory` for the socket inside the task that sends the request: the mark travels there in a context
variable. No connection is kept, since one real's must never carry another's request.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from . import tls
from .checks import ANY_STATUS, Check
from .failures import failed
from .state import Result
from .target import Target, marked_socket

_mark: ContextVar[int] = ContextVar("mark")


def _marked(address: tuple[Any, ...]) -> Any:
    family, kind, protocol, _, _ = address
    return marked_socket(family, kind, protocol, _mark.get())


class HttpProber:
    """Sends the requests. Make it inside the running loop; close() it in the end."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=_marked, force_close=True, limit=0, ssl=tls.unverified()
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
        try:
            async with self._session.request(
                check.method or "GET",
                _url(check.type, target.vip, check.port, check.path),
                headers={"Host": check.host} if check.host else None,
                allow_redirects=False,
                ssl=tls.verified() if check.verify else True,
                server_hostname=tls.server_name(check.host),
            ) as response:
                status = response.status
                response.close()
        except (aiohttp.ClientError, OSError) as failure:
            return _result(failure)
        return _judge(status, check)


@lru_cache(1 << 16)
def _url(scheme: str, vip: str, port: int, path: str) -> URL:
    host = f"[{vip}]" if ":" in vip else vip
    return URL(f"{scheme}://{host}:{port}{path if path.startswith('/') else '/' + path}", encoded=True)


def _judge(status: int, check: Check) -> Result:
    if status in check.expect or ANY_STATUS in check.expect:
        return Result(True, f"HTTP {status}")
    return Result(False, f"HTTP {status}, expected {' or '.join(map(str, check.expect))}")


def _result(failure: aiohttp.ClientError | OSError) -> Result:
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return Result(False, tls.in_words(failure.certificate_error))
    if isinstance(failure, aiohttp.ClientConnectorSSLError):
        return Result(False, tls.in_words(failure.os_error))
    if isinstance(failure, aiohttp.ClientConnectorError):
        return failed(failure.os_error)
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return Result(False, "the connection was closed without an answer")
    if isinstance(failure, aiohttp.ClientResponseError):
        words = failure.message.splitlines()[0] if failure.message else "unreadable answer"
        return Result(False, f"not HTTP: {words}")
    if isinstance(failure, OSError):
        return failed(failure)
    return Result(False, str(failure) or type(failure).__name__)
