"""What older versions pinned, read once at an upgrade and turned into today's maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..xdp import pins
from ..xdp.bpf import Map
from ..xdp.layout import REAL_COUNTERS, Reason
from ..xdp.maps import Capacity, Maps
from ..xdp.sizes import HALVES
from ..xdp.slots import SLOTS_PER_LINE
from ..xdp.stores import FLOW_TABLES, TABLES, KernelTable, Table
from .frozen import COUNT, GENERATION, LAYOUTS, Layout
from .state import lines_of

_KEPT = ("slots", "tunnel_sources", "service_states", "accepting", "prefixes4", "blocked4_bits")
_TABLES = ("sessions", "prefixes6", "blocked4", "blocked6")
_MOVING = (*FLOW_TABLES, "fragments4", "fragments6")


class Older:
    """The maps of an older layout that are pinned in a directory. They are only read: their program may go on
    with them."""

    def __init__(self, pin_dir: Path, layout: Layout) -> None:
        self._layout = layout
        self._maps = {name: Map.open_pinned(pin_dir / name) for name in _names(layout)}
        self._arrays = {name: self._maps[name].mapped(dtype) for name, dtype in layout.arrays.items()}

    @classmethod
    def found(cls, pin_dir: Path) -> Older | None:
        """None: what is pinned there is of a layout that is not known, or not whole."""
        layout = LAYOUTS.get(pins.layout(pin_dir))
        return cls(pin_dir, layout) if layout and pins.are_there(pin_dir, _names(layout)) else None

    def capacity(self, least: Capacity) -> Capacity:
        """What maps must hold at least for `copy`, and no less than `least`."""
        entries = {name: found.max_entries for name, found in self._maps.items()}
        return Capacity(
            positions4=max(least.positions4, entries["services4"] // HALVES),
            positions6=max(least.positions6, entries["services6"] // HALVES),
            displacement_lines=max(least.displacement_lines, entries["displacements"] // HALVES),
            slots_lines=max(least.slots_lines, entries["slots"]),
            reals=max(least.reals, entries["reals"]),
            services=max(least.services, entries["service_states"]),
            accepting_lines=max(least.accepting_lines, entries["accepting"]),
            flows=max(least.flows, entries["flows4_tcp"]),
            sessions=max(least.sessions, entries["sessions"]),
        )

    @property
    def flow_tables(self) -> Mapping[str, Table]:
        """Keys and values are today's."""
        return {name: self._table(name) for name in _MOVING}

    def counters(self) -> npt.NDArray[Any]:
        """Of reals, by index: (CPUs summed) REAL_COUNTERS."""
        read = self._maps["real_counters"].read_percpu(REAL_COUNTERS)
        total = np.zeros(len(read), REAL_COUNTERS)
        for name in REAL_COUNTERS.names or ():
            total[name] = read[name].sum(axis=1)
        return total

    def reasons(self) -> dict[Reason, int]:
        counts = self._maps["reasons"].read_percpu(COUNT).sum(axis=1)
        return {Reason[name]: int(count) for name, count in zip(self._layout.reasons, counts, strict=True)}

    def copy(self, new: Maps) -> None:
        """The live generation with all that hangs off it into new, empty maps of today's layout."""
        for name in [name for name in _KEPT if name in self._arrays]:
            source, target = self._arrays[name], getattr(new, name)
            (target["accepting"] if name == "service_states" else target)[: len(source)] = source
        _copy_fields(self._arrays["reals"], new.reals)
        for name in _TABLES:
            for keys, values in self._table(name).slices():
                new.tables[name].write(keys, values)
        control = self._arrays["control"]
        for name in self._layout.words:
            new.control[name] = control[name]
        live = int(control["live"][0])
        if live in (1, 2):
            self._copy_half(new, live - 1)
            new.control["live"][0] = live

    def _copy_half(self, new: Maps, half: int) -> None:
        before = self._arrays["control"]["generation"][0, half]
        after = new.control["generation"][0, half]
        line = half * new.capacity.displacement_lines
        for family in (4, 6):
            old, index = before[f"index{family}"], after[f"index{family}"]
            buckets, size, base = int(old["buckets"]), int(old["size"]), int(old["services_base"])
            start, place = int(old["displacements_line"]) * SLOTS_PER_LINE, half * new.positions(family)
            new.displacements[line * SLOTS_PER_LINE :][:buckets] = self._arrays["displacements"][start:][
                :buckets
            ]
            services, entries = self._arrays[f"services{family}"], new.services(family)
            for part in ("key", "service"):
                _copy_fields(services[part][base : base + size], entries[part][place : place + size])
            for name in ("salt", "buckets", "size"):
                index[name] = old[name]
            index["displacements_line"], index["services_base"] = line, place
            line += lines_of(buckets)
        for name in set(GENERATION.names or ()) - {"index4", "index6"}:
            after[name] = before[name]

    def _table(self, name: str) -> Table:
        return KernelTable(self._maps[name], *TABLES[name])

    def close(self) -> None:
        for found in self._maps.values():
            found.close()


def _names(layout: Layout) -> tuple[str, ...]:
    return (*layout.arrays, "real_counters", "reasons", *_TABLES, *_MOVING)


def _copy_fields(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """By name, since today's records may have more."""
    for name in source.dtype.names or ():
        target[name][: len(source)] = source[name]
