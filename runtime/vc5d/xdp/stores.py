"""What the maps hold that is no array in memory: hash maps, arrays per CPU, and the grace period.

Two stores answer the same calls: the kernel's maps, and dictionaries for tests.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from .bpf import BATCH, Array, Map, create_array
from .layout import (
    FLOW,
    FLOW_KEY4,
    FLOW_KEY6,
    FRAGMENT,
    FRAGMENT_KEY4,
    FRAGMENT_KEY6,
    PREFIX4,
    PREFIX6,
    REAL_COUNTERS,
    SESSION,
    TIMING,
    Reason,
)

COUNT = np.dtype("<u8")
FLOW_KINDS = ("tcp", "syn", "udp")
FLOW_TABLES = tuple(f"flows{family}_{kind}" for family in (4, 6) for kind in FLOW_KINDS)

# The hash maps and tries: key and value.
TABLES: dict[str, tuple[np.dtype[Any], np.dtype[Any]]] = {
    **{name: (FLOW_KEY4 if "4" in name else FLOW_KEY6, FLOW) for name in FLOW_TABLES},
    "sessions": (COUNT, SESSION),
    "fragments4": (FRAGMENT_KEY4, FRAGMENT),
    "fragments6": (FRAGMENT_KEY6, FRAGMENT),
    "prefixes6": (COUNT, COUNT),
    "blocked4": (PREFIX4, COUNT),
    "blocked6": (PREFIX6, COUNT),
}
# The arrays per CPU that are read: value.
PER_CPU: dict[str, np.dtype[Any]] = {"real_counters": REAL_COUNTERS, "reasons": COUNT, "timings": TIMING}


class Table(Protocol):
    """A hash map. Keys and values are records of TABLES' types, shape (n,), in the same order."""

    def read(self) -> tuple[Array, Array]:
        """All entries, as of about now."""

    def slices(self, most: int = BATCH) -> Iterator[tuple[Array, Array]]:
        """The same in parts of at most `most` entries (no less than a bucket has), each read when it is asked
        for. What is there all the time is in exactly one."""

    def write(self, keys: Array, values: Array) -> None: ...

    def delete(self, keys: Array) -> None:
        """Those of `keys` that are there."""


class Store(Protocol):
    """`tables` by name of TABLES. `per_cpu`: by name of PER_CPU, shape (entries, CPUs); `most`: of only so
    many entries."""

    tables: Mapping[str, Table]

    def per_cpu(self, name: str, most: int | None = None) -> Array: ...
    def zero(self, name: str, index: int) -> None: ...
    def wait_grace(self) -> None: ...
    def close(self) -> None: ...


class KernelTable:
    """One of the kernel's."""

    def __init__(self, found: Map, key: np.dtype[Any], value: np.dtype[Any]) -> None:
        self._map, self._key, self._value = found, key, value

    def read(self) -> tuple[Array, Array]:
        return self._map.read_hash(self._key, self._value)

    def slices(self, most: int = BATCH) -> Iterator[tuple[Array, Array]]:
        return self._map.read_slices(self._key, self._value, most)

    def write(self, keys: Array, values: Array) -> None:
        if len(keys):
            self._map.write_hash(keys, values)

    def delete(self, keys: Array) -> None:
        self._map.delete_hash(keys)


class KernelStore:
    """The calls, made to the kernel."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps
        self.tables: Mapping[str, Table] = {
            name: KernelTable(maps[name], *types) for name, types in TABLES.items()
        }
        self._grace_fd: int | None = create_array(entries=1)

    def per_cpu(self, name: str, most: int | None = None) -> Array:
        return self._maps[name].read_percpu(PER_CPU[name], most)

    def zero(self, name: str, index: int) -> None:
        self._maps[name].write_percpu(index, bytes(PER_CPU[name].itemsize))

    def wait_grace(self) -> None:
        """Updating a map of maps returns after an RCU grace period (maps.h says why one is there for it)."""
        self._maps["grace"].update(struct.pack("<I", 0), struct.pack("<I", self._grace_fd))

    def close(self) -> None:
        if self._grace_fd is not None:
            os.close(self._grace_fd)
            self._grace_fd = None


class MemoryTable:
    """A dictionary, `entries`: bytes of the key to bytes of the value."""

    def __init__(self, key: np.dtype[Any], value: np.dtype[Any]) -> None:
        self._key, self._value = key, value
        self.entries: dict[bytes, bytes] = {}

    def read(self) -> tuple[Array, Array]:
        keys, values = b"".join(self.entries), b"".join(self.entries.values())
        return np.frombuffer(keys, self._key), np.frombuffer(values, self._value)

    def slices(self, most: int = BATCH) -> Iterator[tuple[Array, Array]]:
        names = list(self.entries)
        for start in range(0, len(names), most):
            found = {key: self.entries[key] for key in names[start : start + most] if key in self.entries}
            keys, values = b"".join(found), b"".join(found.values())
            yield np.frombuffer(keys, self._key), np.frombuffer(values, self._value)

    def write(self, keys: Array, values: Array) -> None:
        self.entries.update(zip(_items(keys), _items(values), strict=True))

    def delete(self, keys: Array) -> None:
        for key in _items(keys):
            self.entries.pop(key, None)


class MemoryStore:
    """The calls, made to dictionaries. What is per CPU may be set by a test: there is one CPU."""

    def __init__(self, reals: int) -> None:
        self.tables: Mapping[str, Table] = {name: MemoryTable(*types) for name, types in TABLES.items()}
        lengths = {"real_counters": reals, "reasons": int(Reason.REASONS), "timings": 1}
        self.counts: dict[str, Array] = {
            name: np.zeros((entries, 1), PER_CPU[name]) for name, entries in lengths.items()
        }
        self.graces = 0

    def per_cpu(self, name: str, most: int | None = None) -> Array:
        return self.counts[name][:most].copy()

    def zero(self, name: str, index: int) -> None:
        self.counts[name][index] = np.zeros((), PER_CPU[name])

    def wait_grace(self) -> None:
        self.graces += 1

    def close(self) -> None:
        """Nothing is held."""


def _items(records: Array) -> list[bytes]:
    whole: Any = np.ascontiguousarray(records).tobytes()
    size = records.dtype.itemsize
    return [whole[at : at + size] for at in range(0, len(whole), size)]
