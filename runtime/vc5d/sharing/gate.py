"""The program `gate` on sockets: what cannot be of the fleet is dropped in the kernel."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable

import numpy as np

from ..xdp.bpf import Object
from ..xdp.layout import GATE, GATE_NODE, ShareDrop
from ..xdp.libbpf import check, library

_SO_ATTACH_BPF = 50  # asm-generic/socket.h; the same on x86 and arm
_COUNT = np.dtype("<u8")


class Gate:
    """programs: loaded with `gate`. own, and nodes: by number; keys: ids."""

    def __init__(self, programs: Object, own: int, keys: tuple[int, int]) -> None:
        self._maps, self._fd = programs.maps, programs.program("gate")
        record = np.zeros(1, GATE)
        record["node"], record["keys_be"] = _as_read(own), keys
        self._maps["gates"].update(bytes(4), record.tobytes())
        self._known: set[int] = set()

    def attach(self, opened: socket.socket) -> None:
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_BPF, struct.pack("i", self._fd))

    def know(self, nodes: Iterable[int]) -> None:
        """Of these all is let in; of others greetings, a few."""
        wanted, found = set(nodes), self._maps["gate_nodes"]
        for node in wanted - self._known:
            found.update(struct.pack("<Q", _as_read(node)), bytes(GATE_NODE.itemsize))
        for node in self._known - wanted:
            key = struct.pack("<Q", _as_read(node))
            if (result := library().bpf_map_delete_elem(found.fd, key)) != -errno.ENOENT:
                check(result, f"map {found.name} cannot be written")
        self._known = wanted

    def dropped(self) -> dict[ShareDrop, int]:
        """Datagrams, by reason."""
        counts = self._maps["gate_counts"].read_percpu(_COUNT).sum(axis=1)
        return {why: int(counts[why]) for why in ShareDrop if why is not ShareDrop.DROPS}


def _as_read(node: int) -> int:
    """As the program has it: the eight bytes on the wire, read in the machine's order."""
    return int.from_bytes(node.to_bytes(8, "big"), "little")
