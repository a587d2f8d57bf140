"""The process that shares flows: `python -m vc5d.sharing.worker FD`, a child of vc5d, which has the other end
of the socket FD. It ends when that is closed.

One loop: the ring of new flows and a pass over the living ones go out, datagrams come in, their flows go
into the tables. What has come in a turn is handled as arrays, so that a turn costs much the same with one
flow as with a thousand; turns begin at most every few milliseconds.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Vc5Error
from ..xdp.layout import TOLD_COUNT, ShareDrop
from .channel import Frames, What, failed, frame, json_frame, named, with_name
from .gate import Gate
from .incoming import Incoming
from .keys import Key, Keyring
from .learning import Learning
from .nodes import Nodes
from .outgoing import Outgoing
from .records import Flows
from .refresh import Refresh
from .ring import by_kind
from .settings import Wanted
from .tables import Tables
from .transfer import Ends
from .wire import Wire

TURN_S = 0.005  # at least, from one turn with something to do to the next
GREETING_S = 1.0
HASTE_S = 0.1  # between greetings that somebody waits for
SILENT_MS = 30_000  # a node that was not heard for so long gives its place to others
NICE = 5  # health checks come first
_BACKLOG = 1 << 20  # bytes for vc5d: then consult bits wait, and status is not said
_clock = time.monotonic_ns


class Worker:
    """Raises Vc5Error and OSError."""

    def __init__(self, channel: socket.socket, wanted: Wanted) -> None:
        self._channel, self._frames, self._out = channel, Frames(), bytearray()
        current, following = wanted.secrets
        keys = Keyring(Key.of(current), Key.of(following) if following else None)
        self._tables = Tables(Path(wanted.pin_dir), Path(wanted.object))
        self._gate = Gate(self._tables.programs, wanted.node, keys.ids)
        self._wire = Wire(wanted, self._gate)
        self._nodes = Nodes(wanted.node)
        self._outgoing = Outgoing(self._wire, keys, wanted.node, _clock)
        self._incoming = Incoming(keys, self._nodes, self._heard, self._be_hasty)
        self._refresh = Refresh(self._tables, _clock)
        self._later: queue.SimpleQueue[bytes] = queue.SimpleQueue()  # frames for vc5d, of threads
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._owners: Any = np.zeros(0, np.int64)  # whose consult bits vc5d is to set
        ends = Ends(keys, wanted.node, _clock)
        self._learning = Learning(ends, wanted.port, self._tables, self._tell_later, self._merge_fetched)
        self._next_greeting = 0.0
        self._over = False

    def run(self) -> None:
        """Until vc5d closes its end."""
        self._tables.places.follow()
        waiting = selectors.DefaultSelector()
        for opened in self._wire.readable:
            waiting.register(opened, selectors.EVENT_READ, self._receive)
        for listener in self._wire.listeners:
            waiting.register(listener, selectors.EVENT_READ, self._learning.accept)
        waiting.register(self._tables.ring, selectors.EVENT_READ, self._tell_new)
        waiting.register(self._channel, selectors.EVENT_READ, self._listen)
        waiting.register(self._wake, selectors.EVENT_READ, self._listen_to_threads)
        self._queue(frame(What.READY))
        while not self._over:
            begin = time.monotonic()
            for key, _ in waiting.select(self._wait_s(begin)):
                key.data(key.fileobj)
            self._turn()
            rest = begin + TURN_S - time.monotonic()
            if rest > 0:
                time.sleep(rest)

    def _turn(self) -> None:
        """What came in goes into the tables, and what is due goes out."""
        came = self._incoming.gathered()
        for flows in came:
            self._consult(self._tables.merge(flows))
        now = time.monotonic()
        if now >= self._next_greeting:
            self._greet(now)
            self._consult(self._tables.merge(None))
        self._outgoing.tell_again()
        living = self._refresh.due()
        if living is not None:
            self._outgoing.tell(living)
        self._flush()

    def _wait_s(self, now: float) -> float:
        again = self._outgoing.wait_s()
        due = [self._next_greeting - now, self._refresh.wait_s(), *([] if again is None else [again])]
        return max(0.0, min(due)) if not self._out else min(TURN_S, max(0.0, min(due)))

    # In and out

    def _receive(self, opened: socket.socket) -> None:
        now_ns = _clock()
        for datagram, address in self._wire.received(opened):
            self._incoming.take(datagram, address, now_ns)

    def _tell_new(self, _: Any) -> None:
        for flows in by_kind(self._tables.ring.read()):
            self._outgoing.tell_new(flows)

    def _greet(self, now: float) -> None:
        now_ms = _clock() // 1_000_000
        self._nodes.sent(*self._outgoing.greet(self._nodes.heard(now_ms)))
        self._incoming.forget(self._nodes.forget(now_ms, SILENT_MS))
        self._gate.know(self._nodes.proven)
        self._greeted, self._next_greeting = now, now + GREETING_S
        if len(self._out) < _BACKLOG:
            self._queue(json_frame(What.STATUS, self._status(now_ms)))

    def _be_hasty(self) -> None:
        """Somebody waits to be heard."""
        self._next_greeting = min(self._next_greeting, self._greeted + HASTE_S)

    def _merge_fetched(self, flows: Flows) -> None:
        """In a transfer's thread."""
        owners = self._tables.merge(flows)
        if len(owners):
            self._tell_later(frame(What.CONSULT, owners.astype("<u4").tobytes()))

    def _consult(self, owners: Any) -> None:
        if len(owners):
            self._owners = np.union1d(self._owners, owners)

    # vc5d

    def _listen(self, channel: socket.socket) -> None:
        try:
            content = channel.recv(1 << 18)
        except BlockingIOError:
            return
        self._over = self._over or not content
        for what, body in self._frames.feed(content):
            if what == What.SAY:
                self._outgoing.say(body)
            elif what == What.FETCH:
                _, address, request = named(body[4:])
                self._learning.fetch(body[:4], address, request)
            elif what == What.SERVED:
                self._learning.served_by(int.from_bytes(body[:4], "little"), body[4:])

    def _listen_to_threads(self, _: Any) -> None:
        os.eventfd_read(self._wake)
        while not self._later.empty():
            self._queue(self._later.get())

    def _tell_later(self, content: bytes) -> None:
        self._later.put(content)
        os.eventfd_write(self._wake, 1)

    def _heard(self, node: int, address: str, body: bytes) -> None:
        if len(self._out) < _BACKLOG:
            self._queue(frame(What.HEARD, with_name(node.to_bytes(8, "big"), address, body)))

    def _queue(self, content: bytes) -> None:
        self._out += content

    def _flush(self) -> None:
        """To vc5d, as much as it takes: it may be busy, and nothing here waits for it."""
        if len(self._owners) and len(self._out) < _BACKLOG:
            self._queue(frame(What.CONSULT, self._owners.astype("<u4").tobytes()))
            self._owners = np.zeros(0, np.int64)
        while self._out:
            try:
                del self._out[: self._channel.send(self._out, socket.MSG_NOSIGNAL)]
            except BlockingIOError:
                return
            except OSError:
                self._over = True
                return

    def _status(self, now_ms: int) -> dict[str, Any]:
        dropped, kernel = self._incoming.dropped, self._gate.dropped()
        told = self._tables.pinned["told_counts"].read_percpu(TOLD_COUNT)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "nodes": {
                f"{number:016x}": {"address": node.address, "heard": (now_ms - node.greeted_ms) / 1e3}
                for number, node in self._nodes.proven.items()
            },
            "dropped": {
                why.name.lower(): dropped[why] + kernel[why]
                for why in ShareDrop
                if why is not ShareDrop.DROPS
            },
            "sent": {"datagrams": self._outgoing.datagrams, "flows": self._outgoing.flows},
            "unsent": self._wire.unsent.total(),
            "received": {"datagrams": self._incoming.datagrams, "flows": self._incoming.flows},
            "merged": dict(self._tables.merged),
            "told": {name: int(told[name].sum()) for name in ("told", "limited", "full")},
            "aside": self._tables.aside,
            "transfers": {"served": self._learning.served, "refused": self._learning.refused},
            "cpu": used.ru_utime + used.ru_stime,
        }


def main() -> int:
    """0: vc5d has closed its end. 1: a failure, which it was told."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(True)
    os.nice(NICE)
    try:
        wanted = _first(channel)
        if wanted is None:
            return 0
        worker = Worker(channel, wanted)
        channel.setblocking(False)
        worker.run()
    except (Vc5Error, OSError) as failure:
        return _fail(channel, str(failure), getattr(failure, "hint", ""))
    except Exception as defect:
        frames = defect.__traceback__
        while frames and frames.tb_next:
            frames = frames.tb_next
        place = f"{Path(frames.tb_frame.f_code.co_filename).name}:{frames.tb_lineno}" if frames else ""
        return _fail(channel, f"a defect: {type(defect).__name__} at {place}", "please report it")
    return 0


def _first(channel: socket.socket) -> Wanted | None:
    frames = Frames()
    while content := channel.recv(1 << 16):
        for _, body in frames.feed(content):
            return Wanted.of_json(json.loads(body))
    return None


def _fail(channel: socket.socket, message: str, hint: str) -> int:
    try:
        channel.setblocking(True)
        channel.sendall(failed(bytes(4), message, hint), socket.MSG_NOSIGNAL)
    except OSError:
        pass
    return 1


if __name__ == "__main__":
    sys.exit(main())
