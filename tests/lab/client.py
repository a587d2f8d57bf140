"""The client: HTTP by aiohttp, from sockets that are made in the client's namespace."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import aiohttp

from lab.host import inside
from lab.plan import CLIENT, VIP, Names

URL = f"http://{VIP}/"
_TIMEOUT = aiohttp.ClientTimeout(total=5)  # time for TCP to retransmit; no request is tried again


@dataclass(frozen=True)
class Answer:
    """What came of one request. real: the server's name, empty when the request failed."""

    asked: float  # time.monotonic()
    source_port: int
    real: str = ""
    seen_client: str = ""  # the client as the server saw it, ADDRESS:PORT
    seen_vip: str = ""  # the address that the server was asked on
    connection: str = ""  # the server's number of the connection
    error: str = ""


async def _get(session: aiohttp.ClientSession, port: int, url: str = URL) -> Answer:
    asked = time.monotonic()
    try:
        async with session.get(url) as response:
            response.raise_for_status()
            return Answer(asked, port, *(await response.text()).split())
    except (aiohttp.ClientError, OSError, TimeoutError, TypeError) as error:
        return Answer(asked, port, error=f"{type(error).__name__}: {error}")


class _Sockets:
    """Makes the connector's sockets: in the client's namespace, from the address and port asked for."""

    def __init__(self, names: Names, address: str, port: int = 0) -> None:
        self.names, self.address, self.port = names, address, port

    def __call__(self, _info: object) -> socket.socket:
        with inside(self.names.netns("client")):
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # End by reset: no TIME_WAIT stays behind, so that the same port can ask again at once.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.bind((self.address, self.port))
        return made

    def session(self) -> aiohttp.ClientSession:
        """One connection at a time, kept alive while the server and the session do."""
        connector = aiohttp.TCPConnector(
            limit=1, socket_factory=self, force_close=False, keepalive_timeout=600
        )
        return aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)


async def _ask(names: Names, address: str, port: int, url: str = URL) -> Answer:
    async with _Sockets(names, address, port).session() as session:
        return await _get(session, port, url)


def ask(
    names: Names, ports: Iterable[int], address: str = CLIENT, at_once: int = 8, url: str = URL
) -> list[Answer]:
    """One request on a new connection from each source port."""

    async def everything() -> list[Answer]:
        free = asyncio.Semaphore(at_once)

        async def one(port: int) -> Answer:
            async with free:
                return await _ask(names, address, port, url)

        return await asyncio.gather(*(one(port) for port in ports))

    return asyncio.run(everything())


def ping(names: Names, vip: str) -> bool:
    """Whether an echo request is answered by the VIP itself, within a second."""
    six = ":" in vip
    with inside(names.netns("client")):
        made = socket.socket(
            socket.AF_INET6 if six else socket.AF_INET,
            socket.SOCK_RAW,
            socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP,
        )
    request, reply = (128, 129) if six else (8, 0)
    with made:
        made.settimeout(1)
        message = struct.pack("!BBHHH", request, 0, 0, 5, 1) + b"are you there?"
        total = sum(struct.unpack("!11H", message))
        checksum = ~(total % 0xFFFF) & 0xFFFF  # of IPv6 the kernel fills it in
        made.sendto(message[:2] + struct.pack("!H", 0 if six else checksum) + message[4:], (vip, 0))
        try:
            while True:
                answer, source = made.recvfrom(2048)
                body = answer if six else answer[20:]
                if source[0] == vip and body[0] == reply and body[4:] == message[4:]:
                    return True
        except TimeoutError:
            return False


@dataclass
class Load:
    """A continuous load: connections that live throughout, and new ones all the time.

    A living connection asks again and again; that it dies, or that its answers start to come from another
    server, is a failure, as is a new connection without an answer.
    """

    names: Names
    living: Sequence[int]  # source ports
    new: Sequence[int]  # source ports, used in turn
    address: str = CLIENT
    new_pause: float = 0.01  # seconds between two new connections
    living_pause: float = 0.1  # seconds between two requests of a living one
    answers: list[Answer] = field(default_factory=list)  # of new connections
    lives: dict[int, list[Answer]] = field(default_factory=dict)  # of living ones, by source port
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._over = threading.Event()
        self.lives = {port: [] for port in self.living}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=30)

    @property
    def requests(self) -> int:
        return len(self.answers) + sum(map(len, self.lives.values()))

    def new_since(self, moment: float) -> list[Answer]:
        """Answers on connections that were opened after `moment`."""
        return [answer for answer in list(self.answers) if answer.asked > moment]

    async def _run(self) -> None:
        await asyncio.gather(self._open(), *(self._live(port) for port in self.living))

    async def _open(self) -> None:
        for port in itertools.cycle(self.new):
            if self._over.is_set():
                return
            answer = await _ask(self.names, self.address, port)
            self.answers.append(answer)
            if answer.error:
                self.failures.append(f"new connection from port {port}: {answer.error}")
            await asyncio.sleep(self.new_pause)

    async def _live(self, port: int) -> None:
        life = self.lives[port]
        async with _Sockets(self.names, self.address, port).session() as session:
            while not self._over.is_set():
                answer = await _get(session, port)
                if answer.error:
                    self.failures.append(f"connection from port {port}: {answer.error}")
                    return
                # aiohttp opens another connection, from the same port, when the server has closed one.
                if life and (answer.real, answer.connection) != (life[0].real, life[0].connection):
                    self.failures.append(
                        f"connection from port {port}: cut at {life[0].real}, anew at {answer.real}"
                    )
                    return
                life.append(answer)
                await asyncio.sleep(self.living_pause)


class Download(threading.Thread):
    """One long download; its progress is there to look at, its result when it has ended."""

    def __init__(self, names: Names, source_port: int) -> None:
        super().__init__(daemon=True)
        self.names, self.source_port = names, source_port
        self.received = 0
        self.sha256 = ""
        self.error = ""
        self.longest_pause = 0.0  # seconds between two pieces

    def run(self) -> None:
        asyncio.run(self._download())

    async def _download(self) -> None:
        digest = hashlib.sha256()
        timeout = aiohttp.ClientTimeout(total=60)
        try:
            async with (
                _Sockets(self.names, CLIENT, self.source_port).session() as session,
                session.get(f"http://{VIP}/download", timeout=timeout) as response,
            ):
                response.raise_for_status()
                last = time.monotonic()
                async for piece in response.content.iter_any():
                    digest.update(piece)
                    self.received += len(piece)
                    now = time.monotonic()
                    self.longest_pause, last = max(self.longest_pause, now - last), now
            self.sha256 = digest.hexdigest()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.error = f"{type(error).__name__}: {error}"
