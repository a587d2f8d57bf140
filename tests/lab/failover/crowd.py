"""A crowd of clients: connections that live long, each asking now and then, and new ones all the time.

One process with epoll, since thousands of connections must cost little. Each request has a number; the answer
must name it, the server's own number of the connection, and how many requests came by it. A connection
*breaks* when it is closed or reset, when its answers are wrong, or when none comes within PATIENCE. It begins
anew then, from another port, and is one of the crowd again.
"""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from lab.host import LabError, inside, wait_until
from lab.plan import CLIENT, VIP, Names

PERIOD = 2.0  # s: each connection asks so often
TICK = 0.02  # s
PATIENCE = 12.0  # s
NEW_EVERY = 0.05  # s
NEW_PORTS = range(30000, 48000)
NEXT_PORTS = range(10000, 20000)  # of connections that broke
SLOW = 1.0  # s: an answer that takes longer is worth noting
_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Broken:
    """One connection. real: where it was; `asking`: a request was lost with it."""

    at: float
    port: int
    real: str
    why: str
    asking: bool


@dataclass
class Window:
    """What has happened since the last look. `slowest`: seconds that an answer took; `last_slow`: when
    (time.monotonic) the last one was asked for that took longer than SLOW, or never came."""

    broken: list[Broken] = field(default_factory=list)
    answered: int = 0
    opened: int = 0  # new connections that were answered
    refused: list[str] = field(default_factory=list)  # new connections that were not
    slowest: float = 0.0
    last_slow: float = 0.0

    @property
    def failed(self) -> int:
        """Requests."""
        return len(self.refused) + sum(broken.asking for broken in self.broken)


class Crowd:
    """The handle of the process. Raises LabError when it does not do what it should."""

    def __init__(self, names: Names, ports: Sequence[int]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_live, args=(names, list(ports), other), daemon=True)
        self.ports = list(ports)
        self._process.start()

    def _ask(self, *words: Any) -> Any:
        self._pipe.send(words)
        try:
            if self._pipe.poll(30):
                return self._pipe.recv()
        except EOFError:
            raise LabError("the crowd of clients has ended; its last words are above") from None
        raise LabError("the crowd of clients does not answer")

    def reals(self) -> dict[int, str]:
        """By port, of the connections that are open."""
        return dict(self._ask("reals"))

    def look(self) -> Window:
        """And begin a new window."""
        found = self._ask("look")
        assert isinstance(found, Window)
        return found

    def reopen(self, ports: dict[int, int]) -> None:
        """Connections from these ports begin anew from those."""
        self._ask("reopen", ports)

    def wait_open(self, timeout: float = 60) -> float:
        """Seconds until every connection has had an answer."""
        words = f"{len(self.ports)} connections are open"
        return wait_until(words, lambda: len(self.reals()) == len(self.ports), timeout, every=0.25)

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


class _Client:
    """One connection. real, number: the server that has it, and the server's number for it."""

    __slots__ = ("asked", "count", "fd", "heard", "number", "port", "real", "sock", "stays")

    def __init__(self, port: int, stays: bool) -> None:
        self.port, self.stays = port, stays
        self.sock: socket.socket | None = None
        self.fd, self.real, self.number, self.count, self.heard, self.asked = -1, "", "", 0, b"", 0.0

    def open(self) -> None:
        self.real = self.number = ""
        self.count, self.heard = 0, b""
        self.asked = time.monotonic()
        sock = self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.fd = sock.fileno()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)  # end by reset: no TIME_WAIT
        sock.bind((CLIENT, self.port))
        sock.connect_ex((VIP, 80))

    def close(self) -> None:
        if self.sock:
            self.sock.close()
        self.sock, self.fd, self.real = None, -1, ""

    def ask(self, now: float) -> None:
        self.count += 1
        self.asked = now
        assert self.sock
        self.sock.send(b"GET /count/%d-%d HTTP/1.1\r\nHost: lab\r\n\r\n" % (self.port, self.count))

    @property
    def request(self) -> str:
        return f"/count/{self.port}-{self.count}"

    def hear(self) -> str:
        """ "": not all is there yet; "answered"; else what is wrong."""
        assert self.sock
        data = self.sock.recv(4096)
        if not data:
            return "closed by the server"
        self.heard += data
        head, _, body = self.heard.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not length or len(body) < int(length):
            return ""
        self.heard = b""
        real, number, count, uri = body.decode().split()
        if (uri, count) != (self.request, str(self.count)):
            return f"asked for {self.request}, {real} answered {uri} as its number {count}"
        if self.real and (real, number) != (self.real, self.number):
            return f"{real} answers, not {self.real}"
        self.real, self.number = real, number
        return "answered"


def _live(names: Names, ports: list[int], pipe: Pipe) -> None:
    with inside(names.netns("client")):
        _Loop(ports, pipe).run()


class _Loop:
    def __init__(self, ports: list[int], pipe: Pipe) -> None:
        self.pipe, self.poll = pipe, select.epoll()
        self.poll.register(pipe.fileno(), select.EPOLLIN)
        self.crowd = {port: _Client(port, True) for port in ports}
        self.by_fd: dict[int, _Client] = {}
        self.window = Window()
        self.waiting: deque[tuple[float, _Client]] = deque()  # to be opened
        now = time.monotonic()
        for place, client in enumerate(self.crowd.values()):
            self.waiting.append((now + place * PERIOD * 2 / len(ports), client))
        slots = round(PERIOD / TICK)
        self.wheel = [list(self.crowd.values())[place::slots] for place in range(slots)]
        self.new: dict[int, _Client] = {}
        self.ports = itertools.cycle(NEXT_PORTS)

    def run(self) -> None:
        tick, turn, next_new, new_port = time.monotonic(), 0, time.monotonic() + 2 * PERIOD, 0
        while True:
            now = time.monotonic()
            for fd, events in self.poll.poll(max(0.0, tick - now)):
                if fd == self.pipe.fileno():
                    self._obey(self.pipe.recv())
                elif fd in self.by_fd:
                    self._ready(self.by_fd[fd], events)
            now = time.monotonic()
            if now < tick:
                continue
            tick = max(tick + TICK, now - 1)
            turn = (turn + 1) % len(self.wheel)
            for client in self.wheel[turn]:
                self._turn(client, now)
            while self.waiting and self.waiting[0][0] <= now:
                self._open(self.waiting.popleft()[1])
            if now >= next_new:
                next_new += NEW_EVERY
                new_port = (new_port + 1) % len(NEW_PORTS)
                self._open(_Client(NEW_PORTS[new_port], False))
                self._give_up_new(now)

    def _turn(self, client: _Client, now: float) -> None:
        if client.fd < 0:
            return
        if client.asked:
            if now - client.asked > PATIENCE:
                self._break(client, f"no answer within {PATIENCE:g} s")
        else:
            self._try(client, lambda: client.ask(now))

    def _open(self, client: _Client) -> None:
        try:
            client.open()
        except OSError as error:
            client.close()
            self.window.refused.append(f"port {client.port}: {error}")
            return
        self.by_fd[client.fd] = client
        self.poll.register(client.fd, select.EPOLLOUT)
        if not client.stays:
            self.new[client.port] = client

    def _close(self, client: _Client) -> None:
        if client.fd >= 0:
            self.by_fd.pop(client.fd, None)
            self.poll.unregister(client.fd)
        client.close()

    def _ready(self, client: _Client, events: int) -> None:
        if events & select.EPOLLOUT and not client.count:
            self.poll.modify(client.fd, select.EPOLLIN)
            self._try(client, lambda: client.ask(client.asked))  # its answer's time counts from the SYN
        elif events:
            self._try(client, lambda: self._hear(client))

    def _hear(self, client: _Client) -> None:
        said = client.hear()
        if said == "answered":
            now = time.monotonic()
            took = now - client.asked
            self.window.slowest = max(self.window.slowest, took)
            if took > SLOW:
                self.window.last_slow = max(self.window.last_slow, client.asked)
            client.asked = 0.0
            self.window.answered += 1
            if not client.stays:
                self.window.opened += 1
                del self.new[client.port]
                self._close(client)
        elif said:
            self._break(client, said)

    def _try(self, client: _Client, do: Any) -> None:
        try:
            do()
        except BlockingIOError:
            return
        except OSError as error:
            self._break(client, errno.errorcode.get(error.errno or 0, str(error)))

    def _break(self, client: _Client, why: str) -> None:
        now, window = time.monotonic(), self.window
        if client.asked:
            window.last_slow = max(window.last_slow, client.asked)
        if not client.stays:
            window.refused.append(f"port {client.port}: {why}")
            self.new.pop(client.port, None)
            self._close(client)
            return
        if client.real:  # else it was not open yet
            window.broken.append(Broken(now, client.port, client.real, why, bool(client.asked)))
        self._close(client)
        del self.crowd[client.port]
        while client.port in self.crowd or client.port not in NEXT_PORTS:
            client.port = next(self.ports)
        self.crowd[client.port] = client
        self.waiting.append((now + 0.2, client))

    def _give_up_new(self, now: float) -> None:
        for client in [client for client in self.new.values() if now - client.asked > PATIENCE]:
            self._break(client, f"no answer within {PATIENCE:g} s")

    def _obey(self, words: tuple[Any, ...]) -> None:
        answer: Any = None
        if words[0] == "reals":
            answer = {port: client.real for port, client in self.crowd.items() if client.real}
        elif words[0] == "look":
            answer, self.window = self.window, Window()
        elif words[0] == "reopen":
            for port, new in words[1].items():
                client = self.crowd.pop(port)
                self._close(client)
                client.port = new
                self.crowd[new] = client
                self._open(client)
        self.pipe.send(answer)
