"""Layout 2, as the version before this one wrote it: read once, at an upgrade, and turned into today's.

Frozen: these types are what is pinned on hosts, whatever bpf/vc5.h becomes. All of it lies today as it did;
new is only what tunnels need, and reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import pins
from ..bpf import Map
from ..layout import REAL_COUNTERS, Reason
from ..maps import Capacity, Maps
from ..sizes import HALVES
from ..slots import SLOTS_PER_LINE
from ..stores import FLOW_TABLES, TABLES, KernelTable, Table
from .state import lines_of

VERSION = 2
_KEY4 = np.dtype([("addr_be", ">u4"), ("port_be", ">u2"), ("protocol", "u1"), ("pad", "u1")])
_KEY6 = np.dtype([("addr", "u1", 16), ("port_be", ">u2"), ("protocol", "u1"), ("pad", "u1", 5)])
_SERVICE = np.dtype(
    [
        *((name, "<u4") for name in ("id", "flags", "slots_line", "table_size", "reals_base", "first_line")),
        *((name, "<u4") for name in ("first_size", "first_flags")),
        ("first_seed", "<u8"),
    ]
)
_SERVICE4 = np.dtype([("key", _KEY4), ("pad", "<u8", 2), ("service", _SERVICE)])
_SERVICE6 = np.dtype([("key", _KEY6), ("service", _SERVICE)])
_REAL = np.dtype(
    {
        "names": ["link", "id", "state", "service", "ifindex", "addr", "load"],
        "formats": ["<u8", "<u4", "u1", "<u4", "<u4", ("u1", 16), "<u4"],
        "offsets": [0, 8, 12, 16, 20, 24, 40],
        "itemsize": 64,
    }
)
_INDEX = np.dtype(
    [("salt", "<u8"), *((name, "<u4") for name in ("buckets", "size", "displacements_line", "services_base"))]
)
_GENERATION = np.dtype(
    {
        "names": [
            "seed", "flow_lifetime_ns", "index4", "flags", "index6", "digest", "vlans", "vips4", "vips6",
        ],
        "formats": [
            "<u8", "<u8", _INDEX, "<u4", _INDEX, ("u1", 32), ("<u8", 64), ("<u8", 128), ("<u8", 128),
        ],
        "offsets": [0, 8, 16, 40, 64, 88, 128, 640, 1664],
        "itemsize": 2688,
    }
)  # fmt: skip
_CONTROL = np.dtype(
    {
        "names": ["layout", "live", "switches", "session_mask", "inserts", "echoes", "generation"],
        "formats": [*(["<u4"] * 6), (_GENERATION, 2)],
        "offsets": [0, 4, 8, 12, 16, 20, 64],
        "itemsize": 5440,
    }
)
_SLOT, _COUNT = np.dtype("<u2"), np.dtype("<u8")
_ARRAYS = {
    "control": _CONTROL,
    "displacements": _SLOT,
    "services4": _SERVICE4,
    "services6": _SERVICE6,
    "slots": _SLOT,
    "reals": _REAL,
    "service_states": _COUNT,
    "accepting": _SLOT,
    "prefixes4": _COUNT,
    "blocked4_bits": _COUNT,
}
_WORDS = ("switches", "session_mask", "inserts", "echoes")  # of struct control: no document's
_TABLES = ("sessions", "prefixes6", "blocked4", "blocked6")
_MOVING = (*FLOW_TABLES, "fragments4", "fragments6")
_MAPS = (*_ARRAYS, "real_counters", "reasons", *_TABLES, *_MOVING)
_REASONS = (
    "PASS_NOT_IP", "PASS_NOT_UNICAST", "PASS_UNKNOWN_VLAN", "PASS_NOT_VIP", "PASS_NO_DOCUMENT",
    "PASS_AT_REAL", "PASS_NEIGHBOR_DISCOVERY", "DROP_BLOCKED", "DROP_MALFORMED", "DROP_FRAGMENT",
    "DROP_UNKNOWN_PORT", "DROP_PROTOCOL", "DROP_ICMP", "DROP_VIP_DOWN", "DROP_ECHO_LIMIT", "DROP_NO_REAL",
    "DROP_NO_NEIGHBOR", "DROP_REWRITE", "DROP_INTERNAL", "ANSWER_ECHO", "NOTE_NOT_STORED",
)  # fmt: skip


class Layout2:
    """The maps of layout 2 that are pinned in a directory. They are only read: its program may go on with
    them."""

    def __init__(self, pin_dir: Path) -> None:
        self._maps = {name: Map.open_pinned(pin_dir / name) for name in _MAPS}
        self._arrays = {name: self._maps[name].mapped(dtype) for name, dtype in _ARRAYS.items()}

    @classmethod
    def found(cls, pin_dir: Path) -> Layout2 | None:
        """None: what is pinned there is of another layout, or not whole."""
        if pins.layout(pin_dir) != VERSION or not pins.are_there(pin_dir, _MAPS):
            return None
        return cls(pin_dir)

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
        counts = self._maps["reasons"].read_percpu(_COUNT).sum(axis=1)
        return {Reason[name]: int(count) for name, count in zip(_REASONS, counts, strict=True)}

    def copy(self, new: Maps) -> None:
        """The live generation with all that hangs off it into new, empty maps of today's layout."""
        for name in ("slots", "service_states", "accepting", "prefixes4", "blocked4_bits"):
            source, target = self._arrays[name], getattr(new, name)
            (target["accepting"] if name == "service_states" else target)[: len(source)] = source
        _copy_fields(self._arrays["reals"], new.reals)
        for name in _TABLES:
            for keys, values in self._table(name).slices():
                new.tables[name].write(keys, values)
        control = self._arrays["control"]
        for name in _WORDS:
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
        for name in set(_GENERATION.names or ()) - {"index4", "index6"}:
            after[name] = before[name]

    def _table(self, name: str) -> Table:
        return KernelTable(self._maps[name], *TABLES[name])

    def close(self) -> None:
        for found in self._maps.values():
            found.close()


def _copy_fields(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """By name, since today's records may have more."""
    for name in source.dtype.names or ():
        target[name][: len(source)] = source[name]
