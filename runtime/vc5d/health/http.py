"""HTTP and HTTPS checks of a VIP on one real: a request, and the head of its answer.

httptools (llhttp) reads the answer. No client library beneath: each costs several times what a check may, for
pools, redirects and cookies that no check wants, and knows nothing of marks on sockets.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from . import tls
from .checks import ANY_STATUS, Check
from .connect import Connection, Connector
from .failures import failed
from .state import Result
from .target import Target

_LONGEST = 1 << 16  # bytes of an answer's head
_PORTS = {"http": 80, "https": 443}  # that a Host header does not name


class Stream(Protocol):
    """A connection, or TLS on one. Both raise OSError."""

    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...


class HttpProber:
    """Sends the requests."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def probe(self, target: Target, check: Check) -> Result:
        """Passes on an expected status; the body is not read, a redirect not followed.
        Ends only when it is answered: the caller limits the time."""
        try:
            async with Connection(self._connector, target, check.port) as connection:
                stream: Stream = connection
                if check.type == "https":
                    name = tls.server_name(check.host) or target.vip
                    stream = await tls.opened(connection, name, verify=check.verify)
                await stream.send(request(check, target.vip))
                return await _answer(stream, check)
        except ssl.SSLEOFError:
            return Result(False, "the connection was closed without an answer")
        except ssl.SSLError as failure:
            return Result(False, tls.in_words(failure))
        except OSError as failure:
            return failed(failure)


@lru_cache(1 << 16)
def request(check: Check, vip: str) -> bytes:
    """All of it."""
    host = check.host
    if not host:
        host = f"[{vip}]" if ":" in vip else vip
        host += "" if check.port == _PORTS[check.type] else f":{check.port}"
    path = check.path if check.path.startswith("/") else f"/{check.path}"
    lines = [f"{check.method or 'GET'} {path} HTTP/1.1", f"Host: {host}"]
    lines += ["User-Agent: vc5d", "Accept: */*", "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


class _Head:
    """`status` of the answer, as soon as its head is whole; that of 100 Continue and the like is none."""

    def __init__(self) -> None:
        self.status = 0
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises HttpParserError, HttpParserUpgrade."""
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self.status and (status >= 200 or status == 101):
            self.status = status


async def _answer(stream: Stream, check: Check) -> Result:
    head, length = _Head(), 0
    while length <= _LONGEST:
        data = await stream.receive()
        if not data:
            return Result(False, "the connection was closed without an answer")
        length += len(data)
        try:
            head.feed(data)
        except (HttpParserError, HttpParserUpgrade) as failure:  # what comes after the head may be anything
            if not head.status:
                return Result(False, f"not HTTP: {str(failure) or type(failure).__name__}")
        if head.status:
            return _judge(head.status, check)
    return Result(False, f"not HTTP: the head of the answer has more than {_LONGEST} bytes")


def _judge(status: int, check: Check) -> Result:
    if status in check.expect or ANY_STATUS in check.expect:
        return Result(True, f"HTTP {status}")
    return Result(False, f"HTTP {status}, expected {' or '.join(map(str, check.expect))}")
