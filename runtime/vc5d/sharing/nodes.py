"""Who is heard, and what of it is believed: replayed, held back, and recorded datagrams are not.

A node is believed once it has said in a greeting that it heard one of the greetings which this process has
sent in the last seconds: so that was made just now, whatever has been recorded before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ..xdp.layout import ShareDrop
from .format import MOST_ENTRIES, Header

WINDOW = 1024  # sequence numbers that may overtake each other
LATE_MS = 5000
HEARD_MS = 5000  # a greeting is answered for so long
MOST_NODES = MOST_ENTRIES
MOST_UNPROVEN = 64
_MASK = (1 << WINDOW) - 1


class Window:
    """Each sequence number from `first` on passes once."""

    def __init__(self, first: int) -> None:
        self._highest, self._seen = first - 1, _MASK  # what came before counts as seen

    def is_new(self, sequence: int) -> bool:
        behind = self._highest - sequence
        return behind < 0 or (behind < WINDOW and not self._seen >> behind & 1)

    def take(self, sequence: int) -> None:
        ahead = sequence - self._highest
        if ahead > 0:
            self._seen = (self._seen << ahead | 1) & _MASK if ahead < WINDOW else 1
            self._highest = sequence
        else:
            self._seen |= 1 << -ahead


@dataclass
class Node:
    """greeted: its last greeting's sequence; greeted_ms: when that came. window: None: not believed yet.
    behind_ms: its clock is behind the one here by at least so much."""

    address: str
    greeted: int = 0
    greeted_ms: int = 0
    window: Window | None = field(default=None, repr=False)
    behind_ms: int = 0
    proven_ms: int = 0


class Nodes:
    """`own`: this process's. Times are CLOCK_MONOTONIC in milliseconds."""

    def __init__(self, own: int) -> None:
        self._own = own
        self.proven: dict[int, Node] = {}
        self._unproven: OrderedDict[int, Node] = OrderedDict()
        self._sent: OrderedDict[int, int] = OrderedDict()  # own greetings: sequence -> when

    def before_mac(self, header: Header) -> ShareDrop | None:
        """What costs nothing to find out."""
        if header.node == self._own:
            return ShareDrop.OWN
        node = self.proven.get(header.node)
        if node and node.window and not node.window.is_new(header.sequence):
            return ShareDrop.REPLAYED
        return None

    def after_mac(self, header: Header, now_ms: int) -> ShareDrop | None:
        """Whether a signed datagram that is no greeting is believed; it passes once."""
        node = self.proven.get(header.node)
        if node is None or node.window is None:
            return ShareDrop.UNPROVEN
        if now_ms - header.sent_ms - node.behind_ms > LATE_MS:
            return ShareDrop.LATE
        node.window.take(header.sequence)
        return None

    def greet(self, header: Header, heard: dict[int, int], address: str, now_ms: int) -> ShareDrop | None:
        """A signed greeting came. If it hears a greeting of this process that is not old, its node is proven.
        None: it is believed."""
        self._drop_old(now_ms)
        heard_ms = self._sent.get(heard.get(self._own, 0))
        node = self.proven.get(header.node)
        if node is None and heard_ms is None:
            return self._unknown(header, address, now_ms)
        if node is None:
            if len(self.proven) >= MOST_NODES:
                return ShareDrop.FULL
            self._unproven.pop(header.node, None)
            node = self.proven[header.node] = Node(address, window=Window(header.sequence))
        if heard_ms is not None:
            node.behind_ms = heard_ms - header.sent_ms
            node.proven_ms = now_ms
        if refused := self.after_mac(header, now_ms):
            return refused
        if header.sequence > node.greeted:
            node.address, node.greeted, node.greeted_ms = address, header.sequence, now_ms
        return None

    def sent(self, sequence: int, now_ms: int) -> None:
        """A greeting of this process."""
        self._sent[sequence] = now_ms
        self._drop_old(now_ms)

    def heard(self, now_ms: int) -> list[tuple[int, int]]:
        """For a greeting: those that are not known yet first, they wait for it."""
        waiting = list(reversed(self._unproven.items()))
        known = sorted(self.proven.items(), key=lambda item: -item[1].greeted_ms)
        return [
            (number, node.greeted)
            for number, node in (*waiting, *known)
            if now_ms - node.greeted_ms < HEARD_MS and node.greeted
        ]

    def forget(self, now_ms: int, silent_ms: int) -> list[int]:
        """Those that were not heard for so long give their places to others."""
        gone = [number for number, node in self.proven.items() if now_ms - node.greeted_ms > silent_ms]
        for number in gone:
            del self.proven[number]
        return gone

    def _unknown(self, header: Header, address: str, now_ms: int) -> ShareDrop:
        before = self._unproven.pop(header.node, None)
        replayed = before and before.greeted >= header.sequence
        self._unproven[header.node] = (
            before if before and replayed else Node(address, header.sequence, now_ms)
        )
        while len(self._unproven) > MOST_UNPROVEN:
            self._unproven.popitem(last=False)
        return ShareDrop.UNPROVEN

    def _drop_old(self, now_ms: int) -> None:
        while self._sent and now_ms - next(iter(self._sent.values())) > LATE_MS:
            self._sent.popitem(last=False)
