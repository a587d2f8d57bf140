"""The maps, each bound to its type in this one place for the rest of vc5d.

Arrays are numpy views of the kernel's memory: a store is live at once, and whole if it is one aligned
store of at most 8 bytes (assigning one field of one record). The rest goes through calls (stores.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from .bpf import Array, Map
from .layout import (
    CONTROL,
    REAL,
    SERVICE4,
    SERVICE6,
    SERVICE_STATE,
    TUNNEL_SOURCE,
    Reason,
    TunnelLimits,
    Vc5Layout,
)
from .sizes import Capacity
from .slots import SLOTS_PER_LINE
from .stores import COUNT, PER_CPU, TABLES, KernelStore, MemoryStore, Store, Table

__all__ = ["ARRAYS", "RECORDS", "SHARED", "Capacity", "Maps", "summed"]

SLOT = np.dtype("<u2")

# The maps that are mapped into memory, and the records that they are read as.
RECORDS = {
    "control": CONTROL,
    "displacements": SLOT,
    "services4": SERVICE4,
    "services6": SERVICE6,
    "slots": SLOT,
    "reals": REAL,
    "tunnel_sources": TUNNEL_SOURCE,
    "service_states": SERVICE_STATE,
    "accepting": SLOT,
    "prefixes4": COUNT,
    "blocked4_bits": COUNT,
}
_LINES = ("displacements", "slots", "accepting")  # maps whose entries are lines of many records
_FIXED = {  # entries, as in maps.h
    "control": 1,
    "prefixes4": 1 << 20,
    "blocked4_bits": 1 << 14,
    "tunnel_sources": int(TunnelLimits.SOURCES),
}

# Every map that outlives a program. A tracing program's own (`trace_…`) do not.
ARRAYS = tuple(RECORDS)
SHARED = (*ARRAYS, *PER_CPU, "budgets", *TABLES, "told_flows", "told_counts", "grace")


class Maps:
    """Every map, bound to its type. Indexes of `reals` begin at 1: 0 is none."""

    control: Array  # (1,) CONTROL
    displacements: Array  # (HALVES * displacement_lines * 32,) u16
    services4: Array  # (HALVES * positions4,) SERVICE4
    services6: Array  # (HALVES * positions6,) SERVICE6
    slots: Array  # (slots_lines * 32,) u16
    reals: Array  # (reals,) REAL
    tunnel_sources: Array  # (256,) TUNNEL_SOURCE
    service_states: Array  # (services,) SERVICE_STATE
    accepting: Array  # (accepting_lines * 32,) u16
    prefixes4: Array  # (2^20,) u64
    blocked4_bits: Array  # (2^14,) u64
    tables: Mapping[str, Table]  # by the names of stores.TABLES

    def __init__(self, capacity: Capacity, arrays: Mapping[str, Array], store: Store) -> None:
        self.capacity, self._store = capacity, store
        self.tables = store.tables
        for name in RECORDS:
            setattr(self, name, arrays[name])

    @classmethod
    def of_kernel(cls, maps: Mapping[str, Map]) -> Maps:
        arrays = {name: maps[name].mapped(dtype) for name, dtype in RECORDS.items()}
        return cls(Capacity.of(maps), arrays, KernelStore(maps))

    @classmethod
    def in_memory(cls, capacity: Capacity) -> Maps:
        """The same without a kernel, for tests: nothing forwards, nothing counts."""
        sizes = capacity.max_entries() | _FIXED
        arrays = {
            name: np.zeros(sizes[name] * (SLOTS_PER_LINE if name in _LINES else 1), dtype)
            for name, dtype in RECORDS.items()
        }
        arrays["control"]["layout"] = Vc5Layout.VERSION
        return cls(capacity, arrays, MemoryStore(sizes["reals"]))

    def services(self, family: int) -> Array:
        """`services4` or `services6`."""
        return self.services6 if family == 6 else self.services4

    def positions(self, family: int) -> int:
        """Of one half of it."""
        return self.capacity.positions6 if family == 6 else self.capacity.positions4

    def read_percpu(self, name: str) -> Array:
        """A map of stores.PER_CPU: shape (entries, CPUs)."""
        return self._store.per_cpu(name)

    def read_real_counters(self, most: int | None = None) -> Array:
        """Counters by index of real, summed over CPUs: shape (reals,) REAL_COUNTERS. `most`: only so many are
        read, from the first on, and the others are 0: each entry costs the kernel some time."""
        found = summed(self._store.per_cpu("real_counters", most))
        counters = np.zeros(len(self.reals), found.dtype)
        counters[: len(found)] = found
        return counters

    def zero_real_counters(self, indexes: Iterable[int]) -> None:
        """Starts reals anew; a packet on its way at this moment may survive it."""
        for index in indexes:
            self._store.zero("real_counters", int(index))

    def read_reasons(self) -> dict[Reason, int]:
        """Packets that were not forwarded, by reason; every reason is there."""
        counts = self.read_percpu("reasons").sum(axis=1)
        return {reason: int(counts[reason]) for reason in Reason if reason is not Reason.REASONS}

    def wait_grace(self) -> None:
        """Returns when no packet can still see what was live before the call. From any thread."""
        self._store.wait_grace()

    def close(self) -> None:
        self._store.close()


def summed(per_cpu: Array) -> Array:
    """Records of counters, summed over the CPUs: shape (entries,)."""
    total = np.zeros(len(per_cpu), per_cpu.dtype)
    for name in per_cpu.dtype.names or ():
        total[name] = per_cpu[name].sum(axis=1)
    return total
