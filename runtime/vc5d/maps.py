"""The maps as the rest of vc5d sees them: each bound to its type in this one place.

Arrays are numpy views of the kernel's memory: a store is live at once, and whole if it is one aligned
store of at most 8 bytes (assigning one field of one record). What is no array (counters per CPU, flows, the
grace period) goes through a store, of which there are two: the kernel's, and one in memory for tests.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .bpf import Array, Map, create_array
from .layout import (
    CONTROL,
    FLOW,
    FLOW_KEY4,
    REAL,
    REAL_COUNTERS,
    SERVICE4,
    SERVICE_STATE,
    Reason,
    SlotBits,
    Vc5Layout,
)

HALVES = 2  # of the index: the live one and the idle one
SLOTS_PER_LINE = int(SlotBits.SLOTS_PER_LINE)
SLOT = np.dtype("<u2")
COUNT = np.dtype("<u8")

# Each kind of flow has a map of its own, `flows4_<kind>`, and so many entries for each of Capacity.flows.
# Half-open flows live for one round trip; UDP services track every flow by default, TCP only a few.
FLOW_SHARES = {"tcp": 1.0, "syn": 0.25, "udp": 1.0}
LEAST_FLOWS = 1024  # an LRU map hands out entries in batches per CPU: smaller ones evict what was just stored

# The maps that are mapped into memory, and the records that they are read as.
RECORDS = {
    "control": CONTROL,
    "displacements4": SLOT,
    "services4": SERVICE4,
    "slots": SLOT,
    "reals": REAL,
    "service_states": SERVICE_STATE,
    "accepting": SLOT,
}
_LINES = ("displacements4", "slots", "accepting")  # maps whose entries are lines of many records


@dataclass(frozen=True)
class Capacity:
    """How much the maps hold, in entries. `positions4` and `displacement_lines4` are of one half."""

    positions4: int
    displacement_lines4: int
    slots_lines: int
    reals: int
    services: int
    accepting_lines: int
    flows: int

    def max_entries(self) -> dict[str, int]:
        """Entries by name of map; the maps not named here have fixed sizes."""
        sizes = {
            "displacements4": HALVES * self.displacement_lines4,
            "services4": HALVES * self.positions4,
            "slots": self.slots_lines,
            "reals": self.reals,
            "real_counters": self.reals,
            "service_states": self.services,
            "accepting": self.accepting_lines,
        }
        for kind, share in FLOW_SHARES.items():
            sizes[f"flows4_{kind}"] = max(LEAST_FLOWS, int(self.flows * share))
        return {name: max(1, entries) for name, entries in sizes.items()}

    @classmethod
    def of(cls, maps: Mapping[str, Map]) -> Capacity:
        """The capacity of maps that exist."""
        return cls(
            positions4=maps["services4"].max_entries // HALVES,
            displacement_lines4=maps["displacements4"].max_entries // HALVES,
            slots_lines=maps["slots"].max_entries,
            reals=maps["reals"].max_entries,
            services=maps["service_states"].max_entries,
            accepting_lines=maps["accepting"].max_entries,
            flows=maps["flows4_tcp"].max_entries,
        )


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


class Maps:
    """Every map, bound to its type. Indexes of `reals` begin at 1: 0 is none."""

    control: Array  # (1,) CONTROL
    displacements4: Array  # (HALVES * displacement_lines4 * 32,) u16
    services4: Array  # (HALVES * positions4,) SERVICE4
    slots: Array  # (slots_lines * 32,) u16
    reals: Array  # (reals,) REAL
    service_states: Array  # (services,) SERVICE_STATE
    accepting: Array  # (accepting_lines * 32,) u16

    def __init__(self, capacity: Capacity, arrays: Mapping[str, Array], store: Store) -> None:
        self.capacity, self._store = capacity, store
        for name in RECORDS:
            setattr(self, name, arrays[name])

    @classmethod
    def of_kernel(cls, maps: Mapping[str, Map]) -> Maps:
        arrays = {name: maps[name].mapped(dtype) for name, dtype in RECORDS.items()}
        return cls(Capacity.of(maps), arrays, KernelStore(maps))

    @classmethod
    def in_memory(cls, capacity: Capacity) -> Maps:
        """The same without a kernel, for tests: nothing forwards, nothing counts."""
        sizes = {"control": 1} | capacity.max_entries()
        arrays = {
            name: np.zeros(sizes[name] * (SLOTS_PER_LINE if name in _LINES else 1), dtype)
            for name, dtype in RECORDS.items()
        }
        arrays["control"]["layout"] = Vc5Layout.VERSION
        return cls(capacity, arrays, MemoryStore(capacity))

    def read_real_counters(self) -> Array:
        """Counters by index of real, summed over CPUs: shape (reals,) REAL_COUNTERS."""
        return self._store.read_real_counters()

    def zero_real_counters(self, indexes: Iterable[int]) -> None:
        """Starts reals anew; a packet on its way at this moment may survive it."""
        self._store.zero_real_counters(indexes)

    def read_reasons(self) -> dict[Reason, int]:
        """Packets that were not forwarded, by reason; every reason is there."""
        counts = self._store.read_reasons()
        return {reason: int(counts[reason]) for reason in Reason if reason is not Reason.REASONS}

    def read_flows4(self, which: str) -> tuple[Array, Array]:
        """The flows of a kind, "tcp", "syn" or "udp": (n,) FLOW_KEY4 and (n,) FLOW."""
        return self._store.read_flows4(which)

    def write_flows4(self, which: str, keys: Array, values: Array) -> None:
        self._store.write_flows4(which, keys, values)

    def delete_flows4(self, which: str, keys: Array) -> None:
        """Deletes those of `keys` (n,) FLOW_KEY4 that are there."""
        self._store.delete_flows4(which, keys)

    def wait_grace(self) -> None:
        """Returns when no packet can still see what was live before the call."""
        self._store.wait_grace()

    def close(self) -> None:
        self._store.close()


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

    def __init__(self, capacity: Capacity) -> None:
        self.counters: Array = np.zeros(capacity.max_entries()["reals"], REAL_COUNTERS)
        self.reasons: Array = np.zeros(Reason.REASONS, COUNT)
        self.flows: dict[str, dict[bytes, bytes]] = {kind: {} for kind in FLOW_SHARES}
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
