"""What the maps hold that is no array in memory: counters per CPU, flows, and the grace period.

Two stores answer the same calls: the kernel's maps, and dictionaries for tests. Shapes as in maps.Maps.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from .bpf import Array, Map, create_array
from .layout import FLOW, FLOW_KEY4, REAL_COUNTERS, Reason

FLOW_KINDS = ("tcp", "syn", "udp")  # each has a map of its own, `flows4_<kind>`
COUNT = np.dtype("<u8")


class Store(Protocol):
    """What is read and written by calls. Shapes as in Maps."""

    def read_real_counters(self) -> Array: ...
    def zero_real_counters(self, indexes: Iterable[int]) -> None: ...
    def read_reasons(self) -> Array: ...
    def read_flows4(self, kind: str) -> tuple[Array, Array]: ...
    def write_flows4(self, kind: str, keys: Array, values: Array) -> None: ...
    def delete_flows4(self, kind: str, keys: Array) -> None: ...
    def wait_grace(self) -> None: ...
    def close(self) -> None: ...


class KernelStore:
    """The calls, made to the kernel."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps
        self._grace_fd: int | None = None

    def read_real_counters(self) -> Array:
        per_cpu = self._maps["real_counters"].read_percpu(REAL_COUNTERS)
        total = np.zeros(len(per_cpu), REAL_COUNTERS)
        for name in REAL_COUNTERS.names or ():
            total[name] = per_cpu[name].sum(axis=1)
        return total

    def zero_real_counters(self, indexes: Iterable[int]) -> None:
        for index in indexes:
            self._maps["real_counters"].write_percpu(int(index), bytes(REAL_COUNTERS.itemsize))

    def read_reasons(self) -> Array:
        total: Array = self._maps["reasons"].read_percpu(COUNT).sum(axis=1)
        return total

    def read_flows4(self, kind: str) -> tuple[Array, Array]:
        return self._maps[f"flows4_{kind}"].read_hash(FLOW_KEY4, FLOW)

    def write_flows4(self, kind: str, keys: Array, values: Array) -> None:
        if len(keys):
            self._maps[f"flows4_{kind}"].write_hash(keys, values)

    def delete_flows4(self, kind: str, keys: Array) -> None:
        self._maps[f"flows4_{kind}"].delete_hash(keys)

    def wait_grace(self) -> None:
        """Updating a map of maps returns after an RCU grace period (maps.h says why one is there for it)."""
        if self._grace_fd is None:
            self._grace_fd = create_array(entries=1)
        self._maps["grace"].update(struct.pack("<I", 0), struct.pack("<I", self._grace_fd))

    def close(self) -> None:
        if self._grace_fd is not None:
            os.close(self._grace_fd)
            self._grace_fd = None


class MemoryStore:
    """The calls, made to dictionaries. Counters may be set by a test."""

    def __init__(self, reals: int) -> None:
        self.counters: Array = np.zeros(reals, REAL_COUNTERS)
        self.reasons: Array = np.zeros(Reason.REASONS, COUNT)
        self.flows: dict[str, dict[bytes, bytes]] = {kind: {} for kind in FLOW_KINDS}
        self.graces = 0

    def read_real_counters(self) -> Array:
        return self.counters.copy()

    def zero_real_counters(self, indexes: Iterable[int]) -> None:
        for index in indexes:
            self.counters[index] = np.zeros((), REAL_COUNTERS)

    def read_reasons(self) -> Array:
        return self.reasons.copy()

    def read_flows4(self, kind: str) -> tuple[Array, Array]:
        flows = self.flows[kind]
        return np.frombuffer(b"".join(flows), FLOW_KEY4), np.frombuffer(b"".join(flows.values()), FLOW)

    def write_flows4(self, kind: str, keys: Array, values: Array) -> None:
        for key, value in zip(_items(keys), _items(values), strict=True):
            self.flows[kind][key] = value

    def delete_flows4(self, kind: str, keys: Array) -> None:
        for key in _items(keys):
            self.flows[kind].pop(key, None)

    def wait_grace(self) -> None:
        self.graces += 1

    def close(self) -> None:
        """Nothing is held."""


def _items(records: Array) -> list[bytes]:
    whole: Any = np.ascontiguousarray(records).tobytes()
    size = records.dtype.itemsize
    return [whole[at : at + size] for at in range(0, len(whole), size)]
