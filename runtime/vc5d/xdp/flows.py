"""Flow tables as arrays: which entries are idle, and which slots and reals the others need.

Vectorised: no Python runs per flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..document import IndexKey
from ..document.index import words_of
from ..generation.state import State
from ..hashing import mixed6, slot_index
from .maps import Maps
from .slots import OWNER

_PROTOCOLS = {"tcp": 6, "syn": 6, "udp": 17}
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Flows:
    """Entries of the flow table `name` (stores.FLOW_TABLES): `keys` FLOW_KEY4 or FLOW_KEY6 and `values` FLOW,
    in the same order."""

    name: str
    keys: npt.NDArray[Any]
    values: npt.NDArray[Any]

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if self.name.startswith("flows6") else 4

    def idle(self, now_ns: int, lifetime_ns: int) -> Mask:
        """Entries that count as absent. Signed: a packet may have come after `now_ns`."""
        return now_ns - self.values["last_ns"].astype(np.int64) > lifetime_ns

    def without(self, mask: Mask) -> Flows:
        """The entries outside `mask`."""
        return Flows(self.name, self.keys[~mask], self.values[~mask])

    def service_words(self, any_port: bool = False) -> Words:
        """The word of each flow's service as the perfect hash has it; `any_port`: of the one that takes every
        port."""
        raw = np.ascontiguousarray(self.keys).view("u1").reshape(-1, self.keys.dtype.itemsize)
        tails = np.zeros((len(raw), 8), np.uint8)
        if not any_port:
            tails[:, 4:6] = raw[:, -2:]
        tails[:, 6] = _PROTOCOLS[self.name.partition("_")[2]]
        if self.family == 4:
            tails[:, 0:4] = raw[:, 4:8]
            return tails.view("<u8").reshape(-1)
        halves = np.ascontiguousarray(raw[:, 16:32]).view("<u8")
        return mixed6(halves, tails.view("<u8").reshape(-1))


class Needs:
    """What living flows need, table by table. `slots`: by slot of the whole arena, one whose owner is not
    some flow's real; `owners`: by index into `reals`, the owners of those slots; `real_ids`: of all reals
    that have flows. The services are those of `state` when this is made."""

    def __init__(self, maps: Maps, state: State) -> None:
        self._maps = maps
        self._services = {family: _Services(state, family) for family in (4, 6)}
        self.slots: Mask = np.zeros(len(maps.slots), np.bool_)
        self.owners: Mask = np.zeros(len(maps.reals), np.bool_)
        self.real_ids: set[int] = set()

    def add(self, flows: Flows) -> None:
        """An entry's slot is found by the hash stored in it: the data path keeps that to the live seed, and
        an entry that it has not met since the seed changed is idle by the time the transition ends."""
        self.real_ids.update(np.unique(flows.values["real_id"]).tolist())
        services = self._services[flows.family]
        row, known = services.find(flows)
        values, row = flows.values[known], row[known]
        slot = services.starts[row] + slot_index(values["hash"], services.sizes[row])
        owner = services.bases[row] + (self._maps.slots[slot] & OWNER)
        elsewhere = self._maps.reals["id"][owner] != values["real_id"]
        self.slots[slot[elsewhere]] = True
        self.owners[owner[elsewhere]] = True


class _Services:
    """The live services of a family as columns, sorted by word."""

    def __init__(self, state: State, family: int) -> None:
        served = {key: service for key, service in state.services.items() if key.family == family}
        words = words_of([IndexKey(key.packed, key.port, key.protocol_number) for key in served])
        order = np.argsort(words)
        services = list(served.values())
        self._words = words[order]
        self._any_port = any(not key.port for key in served)
        self.starts = np.array([s.lines.start for s in services], np.int64)[order]
        self.sizes = np.array([s.lines.size for s in services], np.int64)[order]
        self.bases = np.array([s.block.base for s in services], np.int64)[order]

    def find(self, flows: Flows) -> tuple[npt.NDArray[np.intp], Mask]:
        """The row of each flow's service, and whether there is one: its own port's, else that of any port."""
        row, known = self._rows(flows.service_words())
        if self._any_port and not known.all():
            others, known_there = self._rows(flows.service_words(any_port=True))
            row, known = np.where(known, row, others), known | known_there
        return row, known

    def _rows(self, words: Words) -> tuple[npt.NDArray[np.intp], Mask]:
        if len(self._words) == 0:
            return np.zeros(len(words), np.intp), np.zeros(len(words), np.bool_)
        row = np.minimum(np.searchsorted(self._words, words), len(self._words) - 1)
        return row, self._words[row] == words
