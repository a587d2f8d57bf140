"""Into bigger maps: what outlives a generation, copied so that a new program can take the old one's place by
one atomic update of each link.

Places of tables, reals and services stay what they are, so the old `State` describes the new maps too, and
the document that did not fit is planned and filled as ever: its flip is the first that the new maps see.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..hashing import fmix64
from ..xdp.bpf import Array
from ..xdp.maps import Maps
from ..xdp.stores import FLOW_TABLES, Table

_KEPT = (
    "slots", "reals", "tunnel_sources", "service_states", "accepting", "prefixes4", "blocked4_bits",
)  # fmt: skip
_WORDS = (
    "switches",
    "session_mask",
    "inserts",
    "echoes",
    "too_bigs",
    "tells",
    "own",
)  # of struct control: no document's
# What packets add to these while they are copied is not missed.
_TABLES = ("sessions", "prefixes6", "blocked4", "blocked6")
# What packets write all the time and must not be lost, with the field that says when.
_TIMES = dict.fromkeys(FLOW_TABLES, "last_ns") | {"fragments4": "first_ns", "fragments6": "first_ns"}


def copy_arrays(old: Maps, new: Maps) -> None:
    """Tables, reals, lists and what else no document says, at the same indexes. No generation is live in
    `new` yet."""
    for name in _KEPT:
        source = getattr(old, name)
        getattr(new, name)[: len(source)] = source
    for name in _WORDS:
        new.control[name] = old.control[name]
    for name in _TABLES:
        for keys, values in old.tables[name].slices():
            new.tables[name].write(keys, values)


def copy_flows(old: Mapping[str, Table], new: Maps) -> None:
    """Takes over every flow and first fragment of `old` that `new` does not have at least as fresh. Called
    before the new program takes over, and once more after it for what the old one stored in between."""
    for name, time in _TIMES.items():
        if name in old:
            keys, values = old[name].read()
            there, known = new.tables[name].read()
            stale = _when(there, known[time], keys) < values[time].astype(np.int64)
            new.tables[name].write(keys[stale], values[stale])


def _when(there: Array, time_ns: Array, keys: Array) -> npt.NDArray[np.int64]:
    """For each of `keys` the time that belongs to it in `there`; -1: it is not there. By a hash of the keys,
    which numpy sorts a hundred times as fast; of two with the same hash one may not be found, and is
    copied."""
    result = np.full(len(keys), -1, np.int64)
    if len(there):
        hashes = _hashes(there)
        order = np.argsort(hashes)
        at = order[np.minimum(np.searchsorted(hashes, _hashes(keys), sorter=order), len(hashes) - 1)]
        same = there[at] == keys
        result[same] = time_ns.astype(np.int64)[at][same]
    return result


def _hashes(keys: Array) -> npt.NDArray[np.uint64]:
    words = np.ascontiguousarray(keys).view("<u4").reshape(len(keys), -1).astype(np.uint64)
    result = np.zeros(len(keys), np.uint64)
    for column in words.T:
        result = fmix64(result + column)
    return result
