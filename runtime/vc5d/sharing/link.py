"""vc5d's end of sharing: starts the process that does it, and anew when it ends, or when what it was told is
not so any more. Messages, answers and requests are bytes: what they mean is the fleet's rules' matter.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..document import Document
from ..errors import Vc5Error
from ..plane import Dataplane, PlaneThread
from .channel import Frames, What, frame, json_frame, named, with_name
from .keys import SecretError, Secrets
from .parts import MOST_BYTES
from .placing import place
from .settings import Settings, Wanted, settings_of

TELLS = 200_000  # flows a second that each CPU tells of
_LOOKED_AGAIN_S = 5.0  # whether addresses and interfaces are as they were
_AFTER_A_FAILURE_S = 1.0
_FETCH_S = 60.0
_BACKLOG = 1 << 22  # bytes that the process has not taken: what is said meanwhile is said in vain
_OFF, _STARTING = "the document asks for none", "its process is starting"


class Peer(NamedTuple):
    """node: 8 bytes, of one start of one vc5d."""

    node: bytes
    address: str


class Fetched(NamedTuple):
    """body: what the peer's fleet rules answered. flows: how many came beside it, into the flow tables."""

    body: bytes
    flows: int


def _nobody(_peer: Peer, _body: bytes) -> None:
    """Nobody listens: only flows are shared."""


async def _nothing(_peer: Peer, _request: bytes) -> bytes:
    """Nothing but flows is given."""
    return b""


@dataclass(frozen=True)
class Told:
    """Who is told and asked; none of it may take long. heard: a peer said something. serve: answers another
    load balancer's request."""

    heard: Callable[[Peer, bytes], None] = _nobody
    serve: Callable[[Peer, bytes], Awaitable[bytes]] = _nothing


@dataclass(frozen=True)
class Files:
    """For the process."""

    pin_dir: Path
    object: Path
    secrets: Secrets


class Sharing:
    """`node`: of this vc5d, 8 bytes. `on`: whether the process runs and has its sockets. `why`: why not.
    `failed`: it was tried in vain, and is tried again. `hopeless`: nobody can be heard before an operator has
    done something."""

    def __init__(
        self, netlink: AsyncIPRoute, plane: PlaneThread, dataplane: Dataplane, files: Files, told: Told
    ) -> None:
        self._netlink, self._plane, self._dataplane = netlink, plane, dataplane
        self._files, self._told = files, told
        self._number = secrets.randbits(63) + 1
        self.node = self._number.to_bytes(8, "big")
        self.on, self.failed, self.hopeless, self.why = False, False, False, _OFF
        self._document: Document | None = None
        self._changed = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._fetches: dict[int, asyncio.Future[Fetched]] = {}
        self._next_number = 1
        self._answering: set[asyncio.Task[None]] = set()
        self._status: dict[str, Any] = {}

    def follow(self, document: Document) -> None:
        """From now on as this document says; it is live."""
        self._document = document
        self._changed.set()

    def say(self, body: bytes) -> None:
        """To all load balancers of the fleet, once. It may get lost."""
        if (
            self._writer
            and len(body) <= MOST_BYTES
            and self._writer.transport.get_write_buffer_size() < _BACKLOG
        ):
            self._writer.write(frame(What.SAY, body))

    async def fetch(self, peer: Peer, request: bytes, *, flows: bool = True) -> Fetched:
        """What a peer answers to `request`; `flows`: and all flows that it has, into the flow tables. Raises
        Vc5Error: then another peer may be asked."""
        if self._writer is None:
            raise Vc5Error("flows are not shared", self.why)
        answer: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        number = self._next_number
        self._next_number += 1
        self._fetches[number] = answer
        try:
            name = with_name(peer.node, peer.address, bytes([flows]) + request)
            self._writer.write(frame(What.FETCH, number.to_bytes(4, "little") + name))
            async with asyncio.timeout(_FETCH_S):
                return await answer
        except TimeoutError:
            raise Vc5Error(f"{peer.address} did not answer within {_FETCH_S:.0f} s") from None
        finally:
            del self._fetches[number]

    def status(self) -> dict[str, Any]:
        """As JSON knows it. Counters begin anew with the process."""
        return {"on": self.on, "why": self.why, "node": self.node.hex(), **self._status}

    async def run_for_ever(self) -> None:
        said = ""
        while True:
            self._changed.clear()
            try:
                wanted = await self._wanted()
                if wanted is None:
                    said, self.failed, self.why = "", False, _OFF
                    await self._changed.wait()
                    continue
                said, self.hopeless = "", False
                await self._run(wanted)
            except (Vc5Error, OSError, NetlinkError) as failure:
                self.failed, self.hopeless = True, isinstance(failure, SecretError)
                self.why = failure.message if isinstance(failure, Vc5Error) else str(failure)
                if self.why != said:
                    hint = failure.hint if isinstance(failure, Vc5Error) else ""
                    log.error("sharing.failed", error=self.why, hint=hint)
                said = self.why
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AFTER_A_FAILURE_S):
                        await self._changed.wait()

    async def _wanted(self) -> Wanted | None:
        """As document, host and secrets have it now; None: nothing is shared. Raises Vc5Error."""
        settings = settings_of(self._document.options) if self._document else None
        return await self._placed(settings) if settings else None

    async def _placed(self, settings: Settings) -> Wanted:
        assert self._document is not None
        texts = self._files.secrets.read()
        placed = await place(self._netlink, self._document, settings)
        return Wanted(
            node=self._number,
            port=settings.port,
            pin_dir=str(self._files.pin_dir),
            object=str(self._files.object),
            listen=placed.listen,
            peers=placed.peers,
            group=placed.group,
            mtu=placed.mtu,
            secrets=texts,
        )

    # The process

    async def _run(self, wanted: Wanted) -> None:
        """Until it ends, which is a failure, or something else is wanted. Raises Vc5Error."""
        if not self.failed:
            self.why = _STARTING
        epoch = self._dataplane.epoch
        ours, theirs = socket.socketpair()
        try:
            for each in (ours, theirs):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BACKLOG)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vc5d.sharing.worker",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is vc5d's: it ends this by closing its end
            )
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        listening = asyncio.create_task(self._listen(reader, writer))
        changing = asyncio.create_task(self._until_changed(wanted, epoch))
        try:
            writer.write(json_frame(What.CONFIGURE, wanted.as_json()))
            done, _ = await asyncio.wait([listening, changing], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if listening in done:
                raise Vc5Error("the process that shares flows has ended", "the log may say why")
        finally:
            await self._end(process, writer, [listening, changing])

    async def _end(
        self,
        process: asyncio.subprocess.Process,
        writer: asyncio.StreamWriter,
        tasks: list[asyncio.Task[None]],
    ) -> None:
        if self.on:
            log.info("sharing.off")
        self.on, self._writer, self._status = False, None, {}
        for task in (*tasks, *self._answering):
            task.cancel()
        for answer in self._fetches.values():
            if not answer.done():
                answer.set_exception(Vc5Error("flows are no longer shared", "try again"))
        writer.close()
        await self._plane.do(self._dataplane.tell, 0)
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _until_changed(self, wanted: Wanted, epoch: int) -> None:
        """Returns when something else is wanted, or maps have been replaced."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOKED_AGAIN_S):
                    await self._changed.wait()
            self._changed.clear()
            if self._dataplane.epoch != epoch:
                return
            try:
                if await self._wanted() != wanted:
                    return
            except NetlinkError:
                continue

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Returns when the process has ended. Raises Vc5Error with its reason."""
        frames = Frames()
        while content := await reader.read(1 << 18):
            for what, body in frames.feed(content):
                await self._take(what, body, writer)

    async def _take(self, what: What, body: bytes, writer: asyncio.StreamWriter) -> None:
        if what == What.CONSULT:
            await self._plane.do(self._dataplane.consult, np.frombuffer(body, "<u4"))
        elif what == What.HEARD:
            node, address, said = named(body)
            self._told.heard(Peer(node, address), said)
        elif what == What.STATUS:
            self._status = {**json.loads(body), "at": time.time()}
        elif what == What.READY:
            self.on, self.failed, self.why, self._writer = True, False, "", writer
            await self._plane.do(self._dataplane.tell, TELLS)
            log.info("sharing.on")
        elif what == What.SERVE:
            task = asyncio.create_task(self._serve(body, writer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif what in (What.FETCHED, What.FAILED):
            self._answered(what, int.from_bytes(body[:4], "little"), body[4:])

    def _answered(self, what: What, number: int, body: bytes) -> None:
        failure = Vc5Error(**json.loads(body)) if what == What.FAILED else None
        answer = self._fetches.get(number)
        if failure and not number:
            raise failure
        if answer and not answer.done():
            if failure:
                answer.set_exception(failure)
            else:
                answer.set_result(Fetched(body[8:], int.from_bytes(body[:8], "little")))

    async def _serve(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        node, address, request = named(body[4:])
        try:
            answer = await self._told.serve(Peer(node, address), request)
        except Vc5Error as failure:
            log.warning("sharing.not_served", client=address, error=failure.message)
            return
        writer.write(frame(What.SERVED, body[:4] + answer))
