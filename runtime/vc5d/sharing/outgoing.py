"""What this load balancer tells: datagrams of flows, greetings and messages, signed and in sequence."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from . import format, parts
from .keys import Keyring
from .records import Flows, joined
from .wire import Wire

AGAIN_NS = 10**9  # what is new is told once more after so long: a datagram may be lost
MOST_AGAIN = 400_000  # flows that wait for it


class Outgoing:
    """clock: CLOCK_MONOTONIC in nanoseconds. `datagrams`, `flows`: sent."""

    def __init__(self, wire: Wire, keys: Keyring, node: int, clock: Callable[[], int]) -> None:
        self._wire, self._keys, self._node, self._clock = wire, keys, node, clock
        # Of a host's later processes greater than of its earlier ones, which may have had the same node.
        self._sequence = clock() // 1000
        self._again: deque[tuple[int, Flows]] = deque()
        self._waiting = 0
        self.datagrams = self.flows = 0

    def greet(self, heard: list[tuple[int, int]]) -> tuple[int, int]:
        """The greeting's sequence, and when it was sent, in milliseconds."""
        self._send(format.GREETING, format.greeting(heard))
        return self._sequence, self._clock() // 1_000_000

    def say(self, body: bytes) -> None:
        room = self._wire.room - format.OVERHEAD
        for part in parts.split(self._sequence + 1, body, room):
            self._send(format.MESSAGE, part)

    def tell(self, flows: Flows) -> None:
        """Now."""
        records = flows.encoded(self._clock())
        most = (self._wire.room - format.OVERHEAD) // records.dtype.itemsize
        for begin in range(0, len(records), most):
            self._send(flows.kind.number, records[begin : begin + most].tobytes())
        self.flows += len(records)

    def tell_new(self, flows: Flows) -> None:
        """Now, and once more."""
        self.tell(flows)
        if self._waiting + len(flows) <= MOST_AGAIN:
            self._again.append((self._clock() + AGAIN_NS, flows))
            self._waiting += len(flows)

    def tell_again(self) -> None:
        """What is due to be told once more."""
        now, due = self._clock(), dict[int, list[Flows]]()
        while self._again and self._again[0][0] <= now:
            _, flows = self._again.popleft()
            self._waiting -= len(flows)
            due.setdefault(flows.kind.number, []).append(flows)
        for found in due.values():
            self.tell(joined(found))

    def wait_s(self) -> float | None:
        """Until something is due; None: nothing waits."""
        return max(0.0, (self._again[0][0] - self._clock()) / 1e9) if self._again else None

    def _send(self, kind: int, payload: bytes) -> None:
        self._sequence += 1
        sent_ms = self._clock() // 1_000_000
        stamp = format.Stamp(self._node, self._sequence, sent_ms)
        self._wire.send(format.sign(self._keys, stamp, kind, payload))
        self.datagrams += 1
