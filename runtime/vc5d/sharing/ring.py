"""The ring buffer `told_flows`, read as an array.

Every record has one size (struct told and the kernel's header), so the ring is an array of them; the kernel
maps it twice, one behind the other, so that what goes over its end is in one piece.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from ..xdp.bpf import Array, Map
from ..xdp.layout import TOLD
from ..xdp.ordering import stores_before
from .records import KEY_BYTES, KINDS, Flows

_RECORD = np.dtype([("length", "<u4"), ("page", "<u4"), ("told", TOLD)])
_BUSY = 1 << 31  # BPF_RINGBUF_BUSY_BIT: reserved, and not yet written


class Ring:
    """`fileno()` becomes readable when there is something to read."""

    def __init__(self, found: Map) -> None:
        page, size = mmap.PAGESIZE, found.max_entries
        consumer = mmap.mmap(found.fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        rest = mmap.mmap(found.fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        self._consumer: Array = np.frombuffer(consumer, "<u8", 1)
        self._producer: Array = np.frombuffer(rest, "<u8", 1)
        self._records: Array = np.frombuffer(rest, _RECORD, 2 * size // _RECORD.itemsize, page)
        self._size, self._fd = size, found.fd

    def fileno(self) -> int:
        return self._fd

    def read(self, most: int = 1 << 30) -> Array:
        """A copy of what is there, TOLD records; its place is given back."""
        begin, end = int(self._consumer[0]), int(self._producer[0])
        first, count = begin % self._size // _RECORD.itemsize, (end - begin) // _RECORD.itemsize
        records = self._records[first : first + min(count, most)]
        busy = np.flatnonzero(records["length"] & _BUSY)
        if len(busy):
            records = records[: busy[0]]
        stores_before()  # what was written before the mark went is read after it
        told = records["told"].copy()
        stores_before()
        self._consumer[0] = begin + len(records) * _RECORD.itemsize
        return told


def by_kind(told: Any) -> list[Flows]:
    """TOLD records, in their order within a kind."""
    parts = []
    for kind in KINDS.values():
        chosen = told[(told["udp"] == kind.udp) & ((told["ipv6"] == 1) == (kind.family == 6))]
        if len(chosen):
            keys = np.ascontiguousarray(chosen["key"][:, : KEY_BYTES[kind.family]])
            parts.append(Flows(kind, keys, chosen["real_id"].copy(), chosen["last_ns"].copy()))
    return parts
