"""TLS as health checks want it, and why it failed, in words."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from .connect import Connection

_T = TypeVar("_T")


@cache
def unverified() -> ssl.SSLContext:
    """VC5's way and the default: the certificate names a host, not this address, and whether it has expired
    is the clients' concern. The question is only whether the server answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def verified() -> ssl.SSLContext:
    """By the host's certificate authorities, as they are when this is first asked for: it takes 20 ms."""
    return ssl.create_default_context()


class TlsStream:
    """TLS on a connection. Everything raises OSError; ssl.SSLEOFError: the other side has closed."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, name: str) -> None:
        self._connection = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)

    async def handshake(self) -> None:
        await self._do(self._tls.do_handshake)

    async def send(self, data: bytes) -> None:
        await self._do(lambda: self._tls.write(data))

    async def receive(self) -> bytes:
        return await self._do(lambda: self._tls.read(1 << 14))

    async def _do(self, call: Callable[[], _T]) -> _T:
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                await self._flush()
                if data := await self._connection.receive():
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if data := self._out.read():
            await self._connection.send(data)


async def opened(connection: Connection, name: str, *, verify: bool) -> TlsStream:
    """After the handshake. name: the server's, or the address that is connected to."""
    stream = TlsStream(connection, verified() if verify else unverified(), name)
    await stream.handshake()
    return stream


def server_name(host: str) -> str | None:
    """The name in a Host header, without its port; None: the address that is connected to."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]") or None


def in_words(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return (failure.verify_message or "the certificate cannot be verified").rstrip(".")
    if isinstance(failure, ssl.SSLError) and failure.reason:
        return f"TLS handshake failed: {failure.reason.lower().replace('_', ' ')}"
    return "TLS handshake failed"
