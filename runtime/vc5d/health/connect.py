"""Checks that only open a TCP connection: `tcp` whole, `syn` half.

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

from .checks import Check
from .failures import failed
from .state import Result
from .target import Target, marked_socket

_BATCH = 256  # events at a time, so that others have their turn


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
            with marked_socket(target.family, socket.SOCK_STREAM, 0, target.mark) as connection:
                if half:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
                await self._connect(connection, (target.vip, check.port))
        except OSError as failure:
            return failed(failure)
        return Result(True, "SYN answered" if half else "connected")

    async def _connect(self, connection: socket.socket, address: tuple[str, int]) -> None:
        code = connection.connect_ex(address)
        if code == errno.EINPROGRESS:
            code = await self._answer(connection)
        if code:
            raise OSError(code, os.strerror(code))

    async def _answer(self, connection: socket.socket) -> int:
        """0 or an errno."""
        descriptor = connection.fileno()
        answer = self._waiting[descriptor] = self._loop.create_future()
        try:
            self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)
            await answer  # closing the socket takes it out of the epoll, also when this is cancelled
        finally:
            del self._waiting[descriptor]
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _ready(self) -> None:
        for descriptor, _ in self._epoll.poll(0, _BATCH):
            waiting = self._waiting.get(descriptor)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
