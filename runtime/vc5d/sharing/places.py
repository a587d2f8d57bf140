"""What flows from other load balancers mean here: their service, their real's index, their slot's owner.

Read from the live generation in the maps, since this process has no document: anew at each flip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hashing import flow_hashes, mixed6, slot_index
from ..xdp.bpf import Array
from ..xdp.flows import Flows as Entries
from ..xdp.layout import FLOW, FLOW_KEY4, FLOW_KEY6, ServiceFlags
from ..xdp.slots import OWNER, SLOTS_PER_LINE
from .records import Flows

Indexes = npt.NDArray[np.int64]
_TCP, _UDP = 6, 17
_KEYS = {4: FLOW_KEY4, 6: FLOW_KEY6}
_NO_VALUES = np.zeros(0, FLOW)


@dataclass(frozen=True, eq=False)
class Found:
    """Of some flows. known: a mask: service and real are known here. Of the known ones: the upper half of the
    flow hash, the real's index in its service's block, and the owners (indexes into `reals`) of slots whose
    flows are elsewhere."""

    known: npt.NDArray[np.bool_]
    hashes: npt.NDArray[np.uint32]
    reals: npt.NDArray[np.uint32]
    owners: Indexes


class Places:
    """`maps`: by name, the arrays of the maps."""

    def __init__(self, maps: dict[str, Array]) -> None:
        self._maps = maps
        self._version = b""
        self._services: dict[int, _Services] = {}
        self._ids: Any = np.zeros(0, np.uint32)
        self._indexes: Any = np.zeros(0, np.int64)

    @property
    def lifetime_ns(self) -> int:
        """0: no document is live."""
        live = int(self._maps["control"]["live"][0])
        return int(self._generation(live)["flow_lifetime_ns"]) if live else 0

    def follow(self) -> bool:
        """Whether another generation is live than at the last call."""
        live = int(self._maps["control"]["live"][0])
        version = bytes([live]) + (self._generation(live)["digest"].tobytes() if live else b"")
        if version == self._version:
            return False
        self._version = version
        generation = self._generation(live) if live else None
        self._seed = int(generation["seed"]) if generation is not None else 0
        self._services = {}
        for family in (4, 6) if generation is not None else ():
            self._services[family] = _Services(self._half(family, generation), family)
        ids = self._maps["reals"]["id"]
        there = np.flatnonzero(ids)
        order = np.argsort(ids[there], kind="stable")
        self._indexes = there[order]
        self._ids = np.ascontiguousarray(ids[self._indexes])
        return True

    def find(self, flows: Flows) -> Found:
        """Flows that are forgotten (real_id 0) count as known, of no real."""
        services = self._services.get(flows.kind.family)
        if services is None or not len(services.words) or not len(flows):
            nothing = np.zeros(0, np.uint32)
            return Found(np.zeros(len(flows), np.bool_), nothing, nothing, np.zeros(0, np.int64))
        row, known = services.find(flows)
        index = self._real(flows.real_ids)
        forgotten = flows.real_ids == 0
        reals = self._maps["reals"]
        is_real = (reals["id"][index] == flows.real_ids) & (reals["service"][index] == services.ids[row])
        known &= is_real | forgotten
        row, index, forgotten = row[known], index[known], forgotten[known]
        hashes = flow_hashes(
            flows.keys[known], _UDP if flows.kind.udp else _TCP, services.sticky[row], self._seed
        ) >> np.uint64(32)
        slots = self._maps["slots"][services.starts[row] + slot_index(hashes, services.sizes[row])]
        owner = services.bases[row] + (slots & OWNER)
        owners = np.unique(owner[(owner != index) & ~forgotten])
        return Found(known, hashes.astype(np.uint32), (index - services.bases[row]).astype(np.uint32), owners)

    def _real(self, real_ids: npt.NDArray[np.uint32]) -> Indexes:
        """The index of each; of one that is not known, any."""
        if not len(self._ids):
            return np.zeros(len(real_ids), np.int64)
        place = np.minimum(np.searchsorted(self._ids, real_ids), len(self._ids) - 1)
        return np.asarray(self._indexes[place])

    def _generation(self, live: int) -> Any:
        return self._maps["control"]["generation"][0, live - 1]

    def _half(self, family: int, generation: Any) -> Array:
        index = generation[f"index{family}"]
        base = int(index["services_base"])
        return self._maps[f"services{family}"][base : base + int(index["size"])]


class _Services:
    """Of a family, as columns sorted by word."""

    def __init__(self, half: Array, family: int) -> None:
        served = half[half["service"]["flags"] & int(ServiceFlags.VIP) == 0]
        served = served[served["service"]["table_size"] != 0]
        words = _words(served["key"], family)
        order = np.argsort(words)
        self.words, columns = words[order], served["service"][order]
        self._any_port = bool(len(served)) and not (served["key"]["port_be"] != 0).all()
        self.ids = columns["id"].astype(np.int64)
        self.starts = columns["slots_line"].astype(np.int64) * SLOTS_PER_LINE
        self.sizes = columns["table_size"].astype(np.int64)
        self.bases = columns["reals_base"].astype(np.int64)
        self.sticky = columns["flags"] & int(ServiceFlags.STICKY) != 0

    def find(self, flows: Flows) -> tuple[Indexes, npt.NDArray[np.bool_]]:
        """The row of each flow's service, and whether there is one: its own port's, else that of any port."""
        entries = Entries(
            flows.kind.table,
            np.ascontiguousarray(flows.keys).view(_KEYS[flows.kind.family])[:, 0],
            _NO_VALUES,
        )
        row, known = self._rows(entries.service_words())
        if self._any_port and not known.all():
            others, known_there = self._rows(entries.service_words(any_port=True))
            row, known = np.where(known, row, others), known | known_there
        return row, known

    def _rows(self, words: Any) -> tuple[Indexes, Any]:
        row = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        return row, self.words[row] == words


def _words(keys: Array, family: int) -> Any:
    """Of services' keys, as the perfect hash has them."""
    raw = np.ascontiguousarray(keys).view("u1").reshape(-1, keys.dtype.itemsize)
    if family == 4:
        return raw.view("<u8")[:, 0].astype(np.uint64)
    tails = np.zeros((len(raw), 8), np.uint8)
    tails[:, 4:7] = raw[:, 16:19]
    halves = np.ascontiguousarray(raw[:, :16]).view("<u8")
    return mixed6(halves, tails.view("<u8").reshape(-1))
