"""The flow tables as the process that shares them has them: pinned maps, and the programs beside them.

`merge` writes what others told, many entries a call: only where it is newer than what is there.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ..xdp.bpf import Array, Map, Object, run_syscall
from ..xdp.layout import MERGE_CALL, MERGE_ENTRY, ToldLimits
from ..xdp.maps import RECORDS, SHARED
from ..xdp.stores import TABLES, KernelTable
from .places import Places
from .records import KEY_BYTES, KINDS, Flows
from .ring import Ring

ASIDE = 65536  # flows of what is not known here
GATE_NODES = 256
_MOST = int(ToldLimits.MERGE_MOST)
_NAMES = ("control", "services4", "services6", "slots", "reals")


class Tables:
    """Of `pin_dir`. `aside`: how many flows are kept of what is not known here."""

    def __init__(self, pin_dir: Path, object_path: Path) -> None:
        """Raises Vc5Error."""
        self.pinned: Mapping[str, Map] = {name: Map.open_pinned(pin_dir / name) for name in SHARED}
        self.programs = Object(
            object_path,
            {"merge_batch": _MOST, "gate_nodes": GATE_NODES},
            {name: found.fd for name, found in self.pinned.items()},
            programs={"vc5": False, "merge": True, "gate": True},
        )
        self._merge = self.programs.program("merge")
        self._batch = self.programs.maps["merge_batch"].mapped(MERGE_ENTRY)
        self._lock = threading.Lock()  # a transfer has a thread of its own
        arrays = {name: self.pinned[name].mapped(RECORDS[name]) for name in _NAMES}
        self.places = Places(arrays)
        self._aside: deque[Flows] = deque()
        self.aside = 0
        self.merged = dict.fromkeys(("stored", "renewed", "deleted", "older"), 0)
        self.ring = Ring(self.pinned["told_flows"])

    def merge(self, flows: Flows | None) -> Array:
        """What others told, into the flow tables; after a flip also what was kept aside, since it may be
        known now. The owners whose consult bits are to be set."""
        owners = [np.zeros(0, np.int64)]
        with self._lock:
            again: Iterable[Flows] = ()
            if self.places.follow():
                again, self._aside, self.aside = self._aside, deque(), 0
            for each in (*again, *([flows] if flows else [])):
                owners.append(self._put(each))
        return np.unique(np.concatenate(owners))

    def slices(self, most: int) -> Iterator[tuple[Flows, Array]]:
        """All flows but half-open ones, a part at a time, and their entries."""
        for kind in KINDS.values():
            for keys, values in KernelTable(self.pinned[kind.table], *TABLES[kind.table]).slices(most):
                raw = np.ascontiguousarray(keys).view("u1").reshape(len(keys), KEY_BYTES[kind.family])
                yield Flows(kind, raw, values["real_id"], values["last_ns"]), values

    def close(self) -> None:
        self.programs.close()
        for found in self.pinned.values():
            os.close(found.fd)

    def _put(self, flows: Flows) -> Array:
        found = self.places.find(flows)
        if not found.known.all():
            self._keep_aside(flows.where(~found.known))
            flows = flows.where(found.known)
        for begin in range(0, len(flows), _MOST):
            part = slice(begin, begin + _MOST)
            self._write(flows.where(part), found.hashes[part], found.reals[part])
        return found.owners

    def _write(self, flows: Flows, hashes: Array, reals: Array) -> None:
        batch, width = self._batch[: len(flows)], KEY_BYTES[flows.kind.family]
        batch["key"][:, :width] = flows.keys
        batch["key"][:, width:] = 0
        entries = batch["flow"]
        entries["last_ns"], entries["real_id"] = flows.last_ns, flows.real_ids
        entries["hash"], entries["real"], entries["peer"] = hashes, reals, 1
        call = np.zeros(1, MERGE_CALL)
        call["count"], call["udp"], call["ipv6"] = len(flows), flows.kind.udp, flows.kind.family == 6
        run_syscall(self._merge, call)
        for name in self.merged:
            self.merged[name] += int(call[name][0])

    def _keep_aside(self, flows: Flows) -> None:
        flows = flows.where(flows.real_ids != 0)
        if not len(flows):
            return
        self._aside.append(flows)
        self.aside += len(flows)
        while self.aside > ASIDE:
            self.aside -= len(self._aside.popleft())
