"""Transfers under way, each in a thread: those that are served to others, and those asked for by vc5d."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from .channel import What, failed, frame, with_name
from .records import Flows
from .tables import Tables
from .transfer import SHAKE_S, SLICE, Ends, fetch, serve

MOST_SERVED = 4
_ANSWERED_S = 10.0  # vc5d is to answer in


class Learning:
    """tell: gives a frame to vc5d, from any thread. merge: flows into the tables, from any thread."""

    def __init__(
        self,
        ends: Ends,
        port: int,
        tables: Tables,
        tell: Callable[[bytes], None],
        merge: Callable[[Flows], None],
    ) -> None:
        self._ends, self._port, self._tables = ends, port, tables
        self._tell, self._merge = tell, merge
        self._free = threading.Semaphore(MOST_SERVED)
        self._answers: dict[int, queue.SimpleQueue[bytes]] = {}
        self._number = 0
        self.served = self.refused = 0

    def accept(self, listener: socket.socket) -> None:
        """One connection more; it is closed at once if there are too many."""
        with suppress(OSError):
            connected, place = listener.accept()
            if not self._free.acquire(blocking=False):
                self.refused += 1
                connected.close()
                return
            self._number += 1
            self._start(self._serve, connected, place[0], self._number)

    def served_by(self, number: int, answer: bytes) -> None:
        """What vc5d answers."""
        if waiting := self._answers.get(number):
            waiting.put(answer)

    def fetch(self, number: bytes, address: str, request: bytes) -> None:
        self._start(self._fetch, number, address, request)

    @staticmethod
    def _start(work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _serve(self, connected: socket.socket, address: str, number: int) -> None:
        def answer(node: int, request: bytes) -> bytes:
            self._answers[number] = queue.SimpleQueue()
            name = with_name(node.to_bytes(8, "big"), address, request)
            self._tell(frame(What.SERVE, number.to_bytes(4, "little") + name))
            return self._answers[number].get(timeout=_ANSWERED_S)

        try:
            with connected:
                serve(connected, self._ends, answer, self._flows)
            self.served += 1
        except Exception:  # a stranger's, or one that went, or a defect: nothing but this is to be said of it
            self.refused += 1
        finally:
            self._answers.pop(number, None)
            self._free.release()

    def _flows(self) -> Iterator[Flows]:
        lifetime = self._tables.places.lifetime_ns
        for flows, values in self._tables.slices(SLICE):
            yield flows.where(self._ends.clock() - values["last_ns"].astype("i8") <= lifetime)

    def _fetch(self, number: bytes, address: str, request: bytes) -> None:
        try:
            with socket.create_connection((address, self._port), SHAKE_S) as connected:
                answer, flows = fetch(connected, self._ends, request, self._merge)
        except Exception as failure:  # a defect, too, is no reason to wait for an answer that never comes
            why = getattr(failure, "message", "") or getattr(failure, "strerror", "") or repr(failure)
            self._tell(failed(number, f"{address} gave nothing: {why}", "another peer may"))
            return
        self._tell(frame(What.FETCHED, number + flows.to_bytes(8, "little") + answer))
