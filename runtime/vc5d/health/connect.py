"""TCP connections to a VIP on one real, as checks need them; and the checks that only open one: `tcp` whole,
`syn` half.

On the wire, every packet with the mark that leads to the real, since the socket itself sends them all:

    tcp   SYN ->  <- SYN+ACK  ACK ->  RST ->
    syn   SYN ->  <- SYN+ACK          RST ->       the server's accept() never returns

Half open without a raw socket: a connection whose TCP_QUICKACK is off when it is made does not acknowledge
the SYN+ACK at once but waits for data to send along (tcp_rcv_synsent_state_process: up to 200 ms), and is
reset before. So there is nothing of ours that the kernel does not know of and would reset by itself, by the
default route; no port that has to be held by a listening socket; and IPv6 is the same. If the event loop is
more than 200 ms late, the ACK leaves after all, and the server sees a connection that is reset.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from types import TracebackType

from .checks import Check
from .failures import failed
from .state import Result
from .target import Target, marked_socket

_BATCH = 256  # events at a time, so that others have their turn
_PIECE = 1 << 14  # bytes
_ANSWERED, _CONNECTED = Result(True, "SYN answered"), Result(True, "connected")


class Connector:
    """One epoll for all connections, itself watched by the event loop: half the cost of a reader for each.
    Make it inside the running loop; close() it in the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}  # by file descriptor
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll, self._ready)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll)
        self._epoll.close()

    async def probe(self, target: Target, check: Check) -> Result:
        """Passes when the real accepts a connection. Ends only when it is answered: the caller limits the
        time."""
        half = check.type == "syn"
        try:
            async with Connection(self, target, check.port, half=half):
                return _ANSWERED if half else _CONNECTED
        except OSError as failure:
            return failed(failure)

    async def until(self, descriptor: int, event: int, *, first: bool) -> None:
        """Returns when `event` (EPOLLIN or EPOLLOUT) is there, or an error. first: of this descriptor."""
        ready = self._waiting[descriptor] = self._loop.create_future()
        try:
            arm = self._epoll.register if first else self._epoll.modify
            arm(descriptor, event | select.EPOLLONESHOT)
            await ready  # closing the socket takes it out of the epoll, also when this is cancelled
        finally:
            del self._waiting[descriptor]

    def _ready(self) -> None:
        for descriptor, _ in self._epoll.poll(0, _BATCH):
            waiting = self._waiting.get(descriptor)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


class Connection:
    """Entering it connects; leaving it resets. Both, and `send` and `receive`, raise OSError."""

    def __init__(self, connector: Connector, target: Target, port: int, *, half: bool = False) -> None:
        self._connector = connector
        self._socket = marked_socket(target.family, socket.SOCK_STREAM, 0, target.mark)
        self._address, self._half, self._known = (target.vip, port), half, False

    async def __aenter__(self) -> Connection:
        try:
            await self._connect()
        except BaseException:
            self._socket.close()
            raise
        return self

    async def _connect(self) -> None:
        if self._half:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        code = self._socket.connect_ex(self._address)
        if code == errno.EINPROGRESS:
            await self._until(select.EPOLLOUT)
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def send(self, data: bytes) -> None:
        while True:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await self._until(select.EPOLLOUT)
            if not data:
                return

    async def receive(self) -> bytes:
        """What there is, as soon as there is anything; nothing: the other side has closed."""
        while True:
            await self._until(select.EPOLLIN)  # it would hardly ever be there already
            try:
                return self._socket.recv(_PIECE)
            except BlockingIOError:
                continue

    async def _until(self, event: int) -> None:
        first, self._known = not self._known, True
        await self._connector.until(self._socket.fileno(), event, first=first)
