"""The control socket: newline-delimited JSON over a UNIX socket, for vc5ctl.

    → {"command": "status"}            other keys are the command's own
    ← {"ok": true, "result": {…}}        or  {"ok": false, "error": "…", "hint": "…"}

Each client has a task of its own, a limit for what it may send, and a limited time for every line: none can
hold up another. Who may connect is decided by the socket's mode (0660) and owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from . import log
from .errors import Vc5Error

_LINE_LIMIT = 64 * 1024  # bytes of one request
_PATIENCE = 30.0  # s for a client to send a line, or to take an answer
_CLIENTS = 64

Request = Mapping[str, Any]
Command = Callable[[Request], Awaitable[Any]]


def is_served(path: Path) -> bool:
    """True when a process accepts connections there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


class Control:
    """`commands`: name -> what to do with the request; its result must be JSON. A Vc5Error becomes the
    client's answer."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Raises Vc5Error when another vc5d has the socket, or it cannot be made."""
        if is_served(self._path):
            raise Vc5Error(
                f"another vc5d is running: it answers on {self._path}",
                "stop it first; a second one in another network namespace needs its own --socket and --pin",
            )
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_socket():
                raise FileExistsError(errno.EEXIST, "a file that is no socket is there")
            self._path.unlink(missing_ok=True)
            mask = os.umask(0o117)  # the socket is never more open than 0660, not even for a moment
            try:
                self._server = await asyncio.start_unix_server(self._accept, self._path, limit=_LINE_LIMIT)
            finally:
                os.umask(mask)
        except OSError as failure:
            raise Vc5Error(
                f"cannot make the control socket {self._path}: {failure.strerror or failure}",
                "choose another with --socket PATH",
            ) from None

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= _CLIENTS:
            writer.close()
            return
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # gone, too slow, or we are stopping
        finally:
            self._clients.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    line = await reader.readline()
            except ValueError:  # longer than the limit
                await _send(writer, _failure(f"a request may have {_LINE_LIMIT} bytes"))
                return
            if not line:
                return
            await _send(writer, await self._answer(line))

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name = request["command"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return _failure('a request is one line of JSON such as {"command": "status"}')
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            return _failure(f"unknown command {name!r}", f"there are: {', '.join(sorted(self._commands))}")
        try:
            return {"ok": True, "result": await command(request)}
        except Vc5Error as failure:
            return _failure(failure.message, failure.hint)
        except Exception as failure:
            log.defect("control.defect", failure)
            return _failure(f"vc5d failed: {failure!r}", "this is a defect; its log says where")


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    async with asyncio.timeout(_PATIENCE):
        await writer.drain()


def _failure(message: str, hint: str = "") -> dict[str, Any]:
    return {"ok": False, "error": message, "hint": hint}
