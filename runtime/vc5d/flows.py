"""Flow tables as arrays: which entries are idle, and which slots and reals the others need.

Vectorised: no Python runs per flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .generation.state import State
from .hashing import slot_index, word4
from .layout import FLOW_KEY4
from .maps import Maps
from .slots import OWNER

_PROTOCOLS = {"tcp": 6, "syn": 6, "udp": 17}
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Flows:
    """Entries of one flow table: `keys` FLOW_KEY4 and `values` FLOW, in the same order."""

    which: str
    keys: npt.NDArray[Any]
    values: npt.NDArray[Any]

    def idle(self, now_ns: int, lifetime_ns: int) -> Mask:
        """Entries that count as absent. Signed: a packet may have come after `now_ns`."""
        return now_ns - self.values["last_ns"].astype(np.int64) > lifetime_ns

    def without(self, mask: Mask) -> Flows:
        """The entries outside `mask`."""
        return Flows(self.which, self.keys[~mask], self.values[~mask])

    def service_words(self) -> npt.NDArray[np.uint64]:
        """The word of each flow's service, as hashing.word4 makes it."""
        raw = np.ascontiguousarray(self.keys).view("u1").reshape(-1, FLOW_KEY4.itemsize)
        words = np.zeros((len(raw), 8), np.uint8)
        words[:, 0:4] = raw[:, 4:8]
        words[:, 4:6] = raw[:, 10:12]
        words[:, 6] = _PROTOCOLS[self.which]
        return words.view("<u8").reshape(-1)


@dataclass(frozen=True, eq=False)
class Seen:
    """What living flows need. `slots`: by slot of the whole arena, one whose owner is not some flow's real;
    `owners`: by index into `reals`, the owners of those slots; `real_ids`: of all reals that have flows."""

    slots: Mask
    owners: Mask
    real_ids: frozenset[int]


def needs(maps: Maps, state: State, tables: Sequence[Flows]) -> Seen:
    """What the entries of `tables` need. An entry's slot is found by the hash stored in it: the data path
    keeps that to the live seed, and an entry that it has not met since the seed changed is idle by the time
    the transition ends."""
    slots, owners = np.zeros(len(maps.slots), np.bool_), np.zeros(len(maps.reals), np.bool_)
    ids: set[int] = set()
    services = _Services(state)
    for flows in tables:
        ids.update(np.unique(flows.values["real_id"]).tolist())
        row, known = services.find(flows.service_words())
        values, row = flows.values[known], row[known]
        slot = services.starts[row] + slot_index(values["hash"], services.sizes[row])
        owner = services.bases[row] + (maps.slots[slot] & OWNER)
        elsewhere = maps.reals["id"][owner] != values["real_id"]
        slots[slot[elsewhere]] = True
        owners[owner[elsewhere]] = True
    return Seen(slots, owners, frozenset(ids))


class _Services:
    """The live services as columns, sorted by word."""

    def __init__(self, state: State) -> None:
        words = [word4(key.packed, key.port, key.protocol_number) for key in state.services]
        order = np.argsort(np.array(words, np.uint64))
        services = list(state.services.values())
        self._words = np.array(words, np.uint64)[order]
        self.starts = np.array([s.lines.start for s in services], np.int64)[order]
        self.sizes = np.array([s.lines.size for s in services], np.int64)[order]
        self.bases = np.array([s.block.base for s in services], np.int64)[order]

    def find(self, words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.intp], Mask]:
        """The row of each word, and whether there is one."""
        if len(self._words) == 0:
            return np.zeros(len(words), np.intp), np.zeros(len(words), np.bool_)
        row = np.minimum(np.searchsorted(self._words, words), len(self._words) - 1)
        return row, self._words[row] == words
