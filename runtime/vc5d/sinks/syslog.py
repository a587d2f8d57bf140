"""syslog's own socket, as VC5 has it: RFC 3164, as Linux's daemons read it there (without a host name)."""

from __future__ import annotations

import asyncio
import os
import socket
import time

from .. import logformat
from .delivery import Outcome
from .told import Told

SOCKET = "/dev/log"
_DAEMON = 3  # facility
_PATIENCE = 3.0  # s


def is_the_journal() -> bool:
    """Then the log itself, if it goes to the journal, is there already."""
    return os.path.realpath(SOCKET).startswith("/run/systemd/journal/")


def datagram(event: Told) -> bytes:
    moment = time.localtime(event.when)
    stamp = f"{time.strftime('%b', moment)} {moment.tm_mday:2d} {time.strftime('%H:%M:%S', moment)}"
    text = logformat.line(event.name, event.values)
    return f"<{_DAEMON * 8 + event.severity}>{stamp} vc5d[{os.getpid()}]: {text}".encode()


class SyslogSink:
    """A datagram an event, without blocking: what it does not take now is sent later."""

    def __init__(self, path: str = "") -> None:
        self._path = path or SOCKET
        self._socket: socket.socket | None = None

    async def send(self, events: list[Told]) -> Outcome[list[Told]]:
        sent = 0
        try:
            if self._socket is None:
                self._connect()
            assert self._socket
            async with asyncio.timeout(_PATIENCE):
                for event in events:
                    await asyncio.get_running_loop().sock_sendall(self._socket, datagram(event))
                    sent += 1
        except TimeoutError:
            return Outcome(sent, again=events[sent:], wait=not sent, why="it takes no more for now")
        except OSError as failure:
            await self.close()
            return Outcome(sent, again=events[sent:], wait=True, why=f"{self._path}: {failure.strerror}")
        return Outcome(sent)

    async def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.connect(self._path)
