"""What comes in: judged datagram by datagram, and its flows gathered for the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from ..xdp.layout import ShareDrop
from . import format
from .keys import Keyring
from .nodes import Nodes
from .parts import Assembly
from .records import KINDS, Flows, decoded

Said = Callable[[int, str, bytes], None]  # node, address, a whole message


class Incoming:
    """`dropped`: by reason, beside the kernel's. greeted: called when a node waits for an answer."""

    def __init__(self, keys: Keyring, nodes: Nodes, said: Said, greeted: Callable[[], None]) -> None:
        self._keys, self._nodes, self._said, self._greeted = keys, nodes, said, greeted
        self._assemblies: dict[int, Assembly] = {}
        self._flows: dict[int, list[tuple[bytes, int]]] = {}
        self.dropped: Counter[ShareDrop] = Counter()
        self.datagrams = self.flows = 0

    def take(self, datagram: bytes, address: str, now_ns: int) -> None:
        refused = self._take(datagram, address, now_ns)
        if refused is None:
            self.datagrams += 1
        else:
            self.dropped[refused] += 1

    def gathered(self) -> list[Flows]:
        """The flows that came since the last call, one value a kind."""
        found = []
        for number, came in self._flows.items():
            kind, payloads = KINDS[number], [payload for payload, _ in came]
            counts = [len(payload) // kind.size for payload in payloads]
            times = np.repeat(np.array([now for _, now in came], np.int64), counts)
            found.append(decoded(kind, b"".join(payloads), times))
            self.flows += len(found[-1])
        self._flows = {}
        return found

    def forget(self, nodes: list[int]) -> None:
        for node in nodes:
            self._assemblies.pop(node, None)

    def _take(self, datagram: bytes, address: str, now_ns: int) -> ShareDrop | None:
        header = format.header_of(datagram, self._keys)
        if isinstance(header, ShareDrop):
            return header
        if refused := self._nodes.before_mac(header):
            return refused
        if not format.is_signed(datagram, header, self._keys):
            return ShareDrop.MAC
        payload, now_ms = format.payload_of(datagram), now_ns // 1_000_000
        if header.kind == format.GREETING:
            refused = self._nodes.greet(header, format.read_greeting(payload), address, now_ms)
            if refused == ShareDrop.UNPROVEN:
                self._greeted()
            return refused
        if refused := self._nodes.after_mac(header, now_ms):
            return refused
        if header.kind == format.MESSAGE:
            whole = self._assemblies.setdefault(header.node, Assembly()).add(payload)
            if whole is not None:
                self._said(header.node, self._nodes.proven[header.node].address, whole)
        else:
            self._flows.setdefault(header.kind, []).append((payload, now_ns))
        return None
