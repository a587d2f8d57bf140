"""Into bigger maps: the live generation and all flows, copied so that a new program can take the old one's
place by one atomic update of each link.

Indexes of slots' lines, of reals and of services stay what they are, so the same `State` describes both.
"""

from __future__ import annotations

import numpy as np

from ..layout import SlotBits
from ..maps import Maps
from ..stores import FLOW_KINDS
from .state import State

_PER_LINE = int(SlotBits.SLOTS_PER_LINE)


def copy_generation(old: Maps, new: Maps, state: State) -> None:
    """Makes `state`'s generation live in `new`, whose program sees no packets yet."""
    for name in ("slots", "reals", "service_states", "accepting"):
        source = getattr(old, name)
        getattr(new, name)[: len(source)] = source
    if not state.live:
        return
    half, record = state.live - 1, old.control["generation"][0, state.live - 1].copy()
    positions, lines = old.capacity.positions4, old.capacity.displacement_lines4
    start = half * new.capacity.positions4
    new.services4[start : start + positions] = old.services4[half * positions : (half + 1) * positions]
    size, line = lines * _PER_LINE, half * new.capacity.displacement_lines4
    new.displacements4[line * _PER_LINE : line * _PER_LINE + size] = old.displacements4[
        half * size : (half + 1) * size
    ]
    record["services4_base"], record["displacements4_line"] = start, line
    new.control["generation"][0, half] = record
    new.control["live"][0] = state.live


def copy_flows(old: Maps, new: Maps) -> None:
    """Takes over every flow that `new` does not have at least as fresh. Called before the new program takes
    over, and once more after it for what the old one stored in between."""
    for which in FLOW_KINDS:
        keys, values = old.read_flows4(which)
        there, fresher = new.read_flows4(which)
        known = {key.tobytes(): int(last) for key, last in zip(there, fresher["last_ns"], strict=True)}
        if known:
            last = values["last_ns"].tolist()
            keep = np.array(
                [known.get(k.tobytes(), -1) < t for k, t in zip(keys, last, strict=True)], np.bool_
            )
            keys, values = keys[keep], values[keep]
        new.write_flows4(which, keys, values)
