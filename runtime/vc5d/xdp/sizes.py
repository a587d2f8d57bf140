"""How much the maps hold: chosen once, when the object is loaded (generation/capacity.py chooses)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .bpf import Map

HALVES = 2  # of the index: the live one and the idle one
FAMILIES = (4, 6)

# Entries of `flows4_<kind>` and of `flows6_<kind>` for each of Capacity.flows: half-open flows live for one
# round trip; UDP services track every flow by default, TCP only a few.
FLOW_SHARES = {"tcp": 1.0, "syn": 0.25, "udp": 1.0}
LEAST_FLOWS = 1024  # an LRU map hands out entries in batches per CPU: smaller ones evict what was just stored
SESSIONS = 1 << 17  # sampled: the mask keeps them to half of it (sampling.py)
FRAGMENTS = 1 << 14  # first fragments of 5 s
BLOCKED = 1 << 16  # prefixes of each family that may be in force …
BLOCKED_ROOM = 2 * BLOCKED  # … and as many, since new ones come in before old ones go


@dataclass(frozen=True)
class Capacity:
    """In entries. `positions4`, `positions6` and `displacement_lines` (of both families) are of one half;
    `flows`: established TCP flows of each family."""

    positions4: int
    positions6: int
    displacement_lines: int
    slots_lines: int
    reals: int
    services: int
    accepting_lines: int
    flows: int
    sessions: int = SESSIONS

    def max_entries(self) -> dict[str, int]:
        """Entries by name of map; the maps not named here have fixed sizes."""
        sizes = {
            "displacements": HALVES * self.displacement_lines,
            "services4": HALVES * self.positions4,
            "services6": HALVES * self.positions6,
            "slots": self.slots_lines,
            "reals": self.reals,
            "real_counters": self.reals,
            "service_states": self.services,
            "accepting": self.accepting_lines,
            "sessions": max(LEAST_FLOWS, self.sessions),
            "fragments4": FRAGMENTS,
            "fragments6": FRAGMENTS,
            "blocked4": BLOCKED_ROOM,
            "blocked6": BLOCKED_ROOM,
        }
        for kind, share in FLOW_SHARES.items():
            for family in FAMILIES:
                sizes[f"flows{family}_{kind}"] = max(LEAST_FLOWS, int(self.flows * share))
        return {name: max(1, entries) for name, entries in sizes.items()}

    @classmethod
    def of(cls, maps: Mapping[str, Map]) -> Capacity:
        """The capacity of maps that exist."""
        return cls(
            positions4=maps["services4"].max_entries // HALVES,
            positions6=maps["services6"].max_entries // HALVES,
            displacement_lines=maps["displacements"].max_entries // HALVES,
            slots_lines=maps["slots"].max_entries,
            reals=maps["reals"].max_entries,
            services=maps["service_states"].max_entries,
            accepting_lines=maps["accepting"].max_entries,
            flows=maps["flows4_tcp"].max_entries,
            sessions=maps["sessions"].max_entries,
        )
