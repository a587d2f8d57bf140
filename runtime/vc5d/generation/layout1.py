"""Layout 1, as vc5d 0.1 wrote it: read once, at an upgrade, and turned into the layout of today.

Frozen: these types are what is pinned on hosts, whatever bpf/vc5.h becomes. Reals, slots, lists and flows lie
today as they did, at the same indexes; the index and the words that describe a generation have moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import pins
from ..bpf import Map
from ..layout import FLOW, FLOW_KEY4, REAL_COUNTERS, Reason
from ..maps import Capacity, Maps
from ..sizes import HALVES
from ..slots import SLOTS_PER_LINE
from ..stores import FLOW_KINDS, KernelTable, Table
from .bits import ALL

VERSION = 1
_KEY = np.dtype([("addr_be", ">u4"), ("port_be", ">u2"), ("protocol", "u1"), ("pad", "u1")])
_SERVICE = np.dtype(
    [
        *((name, "<u4") for name in ("id", "flags", "slots_line", "table_size", "reals_base", "first_line")),
        ("first_size", "<u4"),
        ("pad", "<u4"),
        ("first_seed", "<u8"),
    ]
)
_SERVICE4 = np.dtype([("key", _KEY), ("pad", "<u8", 2), ("service", _SERVICE)])
_REAL = np.dtype(
    {
        "names": ["link", "id", "state", "service", "ifindex", "addr"],
        "formats": ["<u8", "<u4", "u1", "<u4", "<u4", ("u1", 16)],
        "offsets": [0, 8, 12, 16, 20, 24],
        "itemsize": 64,
    }
)
_GENERATION = np.dtype(
    {
        "names": [
            "seed", "flow_lifetime_ns", "salt", "buckets", "size", "displacements_line", "services_base",
            "digest",
        ],
        "formats": ["<u8", "<u8", "<u8", "<u4", "<u4", "<u4", "<u4", ("u1", 32)],
        "offsets": [0, 8, 16, 24, 28, 32, 36, 96],
        "itemsize": 128,
    }
)  # fmt: skip
_CONTROL = np.dtype(
    {
        "names": ["layout", "live", "generation"],
        "formats": ["<u4", "<u4", (_GENERATION, 2)],
        "offsets": [0, 4, 64],
        "itemsize": 320,
    }
)
_SLOT, _COUNT = np.dtype("<u2"), np.dtype("<u8")
_ARRAYS = {
    "control": _CONTROL,
    "displacements4": _SLOT,
    "services4": _SERVICE4,
    "slots": _SLOT,
    "reals": _REAL,
    "service_states": _COUNT,
    "accepting": _SLOT,
}
_MAPS = (*_ARRAYS, "real_counters", "reasons", *(f"flows4_{kind}" for kind in FLOW_KINDS))
_REASONS = (
    "PASS_NOT_IP", "PASS_NOT_UNICAST", "PASS_NOT_VIP", "PASS_NO_DOCUMENT", "PASS_AT_REAL", "DROP_MALFORMED",
    "DROP_FRAGMENT", "DROP_UNKNOWN_PORT", "DROP_PROTOCOL", "DROP_NO_REAL", "DROP_NO_NEIGHBOR", "DROP_REWRITE",
    "DROP_INTERNAL",
)  # fmt: skip


class Layout1:
    """The maps of layout 1 that are pinned in a directory. They are only read: its program may go on with
    them."""

    def __init__(self, pin_dir: Path) -> None:
        self._maps = {name: Map.open_pinned(pin_dir / name) for name in _MAPS}
        self._arrays = {name: self._maps[name].mapped(dtype) for name, dtype in _ARRAYS.items()}

    @classmethod
    def found(cls, pin_dir: Path) -> Layout1 | None:
        """None: what is pinned there is of another layout, or not whole."""
        if pins.layout(pin_dir) != VERSION or not pins.are_there(pin_dir, _MAPS):
            return None
        return cls(pin_dir)

    def capacity(self, least: Capacity) -> Capacity:
        """What maps must hold at least for `copy`, and no less than `least`."""
        entries = {name: found.max_entries for name, found in self._maps.items()}
        return Capacity(
            positions4=max(least.positions4, entries["services4"] // HALVES),
            positions6=least.positions6,
            displacement_lines=max(least.displacement_lines, entries["displacements4"] // HALVES),
            slots_lines=max(least.slots_lines, entries["slots"]),
            reals=max(least.reals, entries["reals"]),
            services=max(least.services, entries["service_states"]),
            accepting_lines=max(least.accepting_lines, entries["accepting"]),
            flows=max(least.flows, entries["flows4_tcp"]),
            sessions=least.sessions,
        )

    @property
    def flow_tables(self) -> Mapping[str, Table]:
        """By today's names; keys and values are today's too."""
        names = [f"flows4_{kind}" for kind in FLOW_KINDS]
        return {name: KernelTable(self._maps[name], FLOW_KEY4, FLOW) for name in names}

    def counters(self) -> npt.NDArray[Any]:
        """Of reals, by index: (CPUs summed) REAL_COUNTERS."""
        read = self._maps["real_counters"].read_percpu(REAL_COUNTERS)
        total = np.zeros(len(read), REAL_COUNTERS)
        for name in REAL_COUNTERS.names or ():
            total[name] = read[name].sum(axis=1)
        return total

    def reasons(self) -> dict[Reason, int]:
        counts = self._maps["reasons"].read_percpu(_COUNT).sum(axis=1)
        return {Reason[name]: int(count) for name, count in zip(_REASONS, counts, strict=True)}

    def copy(self, new: Maps) -> None:
        """The live generation with all that hangs off it into new, empty maps of today's layout."""
        for name in ("slots", "service_states", "accepting"):
            source, target = self._arrays[name], getattr(new, name)
            (target["accepting"] if name == "service_states" else target)[: len(source)] = source
        reals = self._arrays["reals"]
        for name in _REAL.names or ():
            new.reals[name][: len(reals)] = reals[name]
        live = int(self._arrays["control"]["live"][0])
        if live in (1, 2):
            self._copy_half(new, live - 1)
            new.control["live"][0] = live

    def _copy_half(self, new: Maps, half: int) -> None:
        before = self._arrays["control"]["generation"][0, half]
        after = new.control["generation"][0, half]
        size, base = int(before["size"]), int(before["services_base"])
        start, buckets = int(before["displacements_line"]) * SLOTS_PER_LINE, int(before["buckets"])
        line, place = half * new.capacity.displacement_lines, half * new.capacity.positions4
        new.displacements[line * SLOTS_PER_LINE :][:buckets] = self._arrays["displacements4"][
            start : start + buckets
        ]
        services, entries = self._arrays["services4"][base : base + size], new.services4[place : place + size]
        for name in _KEY.names or ():
            entries["key"][name] = services["key"][name]
        for name in set(_SERVICE.names or ()) - {"pad"}:
            entries["service"][name] = services["service"][name]
        for name in ("seed", "flow_lifetime_ns", "digest"):
            after[name] = before[name]
        index = after["index4"]
        for name in ("salt", "buckets", "size"):
            index[name] = before[name]
        index["displacements_line"], index["services_base"] = line, place
        after["vlans"], after["vips4"] = ALL, ALL  # it knew neither: every tag, and a look into the index

    def close(self) -> None:
        for found in self._maps.values():
            found.close()
