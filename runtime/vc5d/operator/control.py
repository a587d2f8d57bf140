"""The control socket: newline-delimited JSON over a UNIX socket, for vc5ctl.

    → {"command": "status"}            other keys are the command's own
    ← {"ok": true, "result": {…}}        or  {"ok": false, "error": "…", "hint": "…"}

A streaming command answers with such lines until the client closes the connection, or with one last line that
is a failure. A client that sends anything meanwhile has not understood that: it is told, and the stream ends.

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
from collections.abc import AsyncGenerator, Awaitable, Callable, Container, Mapping
from pathlib import Path
from typing import Any

from .. import log
from ..errors import Vc5Error
from ..jsonparts import used_up
from .caller import caller

_LINE_LIMIT = 64 * 1024  # bytes of one request
_PATIENCE = 30.0  # s for a client to send a line, or to take an answer
_CLIENTS = 64
_PART = 32 * 1024  # bytes of an answer before others have their turn

Request = Mapping[str, Any]
Command = Callable[[Request], Awaitable[Any]]
Stream = Callable[[Request], AsyncGenerator[Any, None]]


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
    """`commands`: name -> what to do with the request; its result must be JSON, and nobody else's. `streams`:
    name -> what gives results one after another. A Vc5Error becomes the client's answer. `logged`: the
    commands of which the log says who gave them."""

    def __init__(
        self,
        path: Path,
        commands: Mapping[str, Command],
        streams: Mapping[str, Stream] | None = None,
        logged: Container[str] = (),
    ) -> None:
        self._path = path
        self._commands = commands
        self._streams = streams or {}
        self._logged = logged
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
            busy = _failure(f"{_CLIENTS} clients are connected to vc5d already", "end one of them: `ss -xp`")
            with contextlib.suppress(OSError, TimeoutError):
                await _send(writer, busy)
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
            request = _parsed(line)
            if request and request["command"] in self._streams:
                await self._stream(request, reader, writer)
                return
            if request and request["command"] in self._logged:
                log.info(
                    "control.asked", command=request["command"], user=caller(writer.get_extra_info("socket"))
                )
            await _send(writer, await self._answer(request))

    async def _answer(self, request: Request | None) -> dict[str, Any]:
        if request is None:
            return _failure('a request is one line of JSON such as {"command": "status"}')
        name = request["command"]
        command = self._commands.get(name)
        if command is None:
            known = ", ".join(sorted({*self._commands, *self._streams}))
            return _failure(f"unknown command {name!r}", f"there are: {known}")
        try:
            return {"ok": True, "result": await command(request)}
        except Exception as failure:
            return _told(failure)

    async def _stream(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Until it ends, or the client goes or speaks."""
        speaking = asyncio.create_task(reader.read(1))
        sending = asyncio.create_task(_send_all(self._streams[request["command"]], request, writer))
        try:
            await asyncio.wait({speaking, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (speaking, sending):
                task.cancel()
            await asyncio.gather(speaking, sending, return_exceptions=True)
        if not speaking.cancelled() and not speaking.exception() and speaking.result():
            await _send(
                writer, _failure("nothing may be sent in the middle of a stream", "close it to end it")
            )


async def _send_all(stream: Stream, request: Request, writer: asyncio.StreamWriter) -> None:
    try:
        async with contextlib.aclosing(stream(request)) as results:
            async for result in results:
                await _send(writer, {"ok": True, "result": result})
    except (OSError, TimeoutError):
        return  # gone, or too slow
    except Exception as failure:
        await _send(writer, _told(failure))


def _parsed(line: bytes) -> Request | None:
    """None: no request at all."""
    try:
        request = json.loads(line)
        return request if isinstance(request["command"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _told(failure: Exception) -> dict[str, Any]:
    if isinstance(failure, Vc5Error):
        return _failure(failure.message, failure.hint)
    log.defect("control.defect", failure)
    return _failure(f"vc5d failed: {failure!r}", "this is a defect; its log says where")


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    """The answer is used up by it."""
    async with asyncio.timeout(_PATIENCE) as patience:
        size, parts = 0, list[str]()
        for part in used_up(answer):
            parts.append(part)
            size += len(part)
            if size > _PART:
                writer.write("".join(parts).encode())
                size, parts = 0, []
                await writer.drain()
                await asyncio.sleep(0)
                patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE)
        writer.write("".join(parts).encode() + b"\n")
        await writer.drain()


def _failure(message: str, hint: str = "") -> dict[str, Any]:
    return {"ok": False, "error": message, "hint": hint}
