"""The maps, each bound to its type in this one place for the rest of vc5d.

Arrays are numpy views of the kernel's memory: a store is live at once, and whole if it is one aligned
store of at most 8 bytes (assigning one field of one record). The rest goes through calls (stores.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .bpf import Array, Map
from .layout import CONTROL, REAL, SERVICE4, SERVICE_STATE, Reason, Vc5Layout
from .slots import SLOTS_PER_LINE
from .stores import KernelStore, MemoryStore, Store

HALVES = 2  # of the index: the live one and the idle one
SLOT = np.dtype("<u2")

# Entries of `flows4_<kind>` for each of Capacity.flows: half-open flows live for one round trip; UDP
# services track every flow by default, TCP only a few.
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
        return cls(capacity, arrays, MemoryStore(sizes["reals"]))

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
