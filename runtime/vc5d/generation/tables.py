"""Which tables of a document keep their lines in `slots`, and which are written to new ones.

An unchanged table keeps its lines. Services whose lines would hold equal words share them: new services with
equal tables, and services whose tables changed alike from lines that they shared before. A service need
not get a copy of its own when its transition begins: sharing on is safe, because a transition's end is the
lines' own and the scan keeps a slot's state as long as any service that shares it needs it. It spares a
change of a table that a thousand services use from being written a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..document import Document, Service, Table
from ..xdp.layout import ServiceFlags
from ..xdp.slots import OWNER
from .arena import Arena, ArenaFull
from .state import First, Lines, Real, ServiceInMaps, State, lines_of


@dataclass(frozen=True)
class WriteTable:
    """A table to write to `lines`. `before`: the lines whose owners and states it follows; None: all slots
    clear. `all_slots`: every slot goes into transition, since flows were found otherwise (size, seed,
    stickiness, least connections)."""

    lines: Lines
    table: Table
    mapping: tuple[int, ...]
    before: Lines | None
    all_slots: bool


class LinesFull(ArenaFull):
    """`slots` has no room left."""


class TablePlanner:
    """Places one service's table after the other; `writes` and `kept` are the outcome."""

    def __init__(self, old: State, document: Document, total: int, slots: npt.NDArray[np.uint16]) -> None:
        self._old, self._document, self._slots = old, document, slots
        self._arena = Arena(total, old.used_lines())
        self._new_seed = bool(old.services) and old.seed != document.seed
        self._clear: dict[Hashable, Lines] = {
            (lines.digest, lines.mapping): lines for lines in old.tables() if lines.clear and lines.digest
        }
        self._changed: dict[Hashable, Lines] = {}
        self._recognised: dict[int, Lines] = {}
        self.writes: list[WriteTable] = []
        self.kept = 0

    def place(
        self, service: Service, before: ServiceInMaps | None, reals: Mapping[str, Real]
    ) -> tuple[Lines, First | None]:
        """The service's lines and its first table after the flip."""
        table = self._document.tables[service.table]
        mapping = tuple(reals[address].index for address in table.reals)
        clear_key = (service.table, mapping)

        def new(old: Lines | None = None, all_slots: bool = False) -> Lines:
            lines = self._allocate(table, service.table, mapping, clear=old is None)
            self.writes.append(WriteTable(lines, table, mapping, old, all_slots))
            return lines

        if before is None:
            return _shared(self._clear, clear_key, new), None
        elsewhere = self._new_seed or before.sticky != service.sticky or _ends_leastconn(before, service)
        if not elsewhere and (kept := self._unchanged(before.lines, service.table, table, mapping)):
            self.kept += 1
            if (
                kept.clear and before.first is None
            ):  # services that came to equal content by different ways share again
                kept = self._clear.setdefault(clear_key, kept)
            return kept, before.first
        all_slots = elsewhere or before.lines.size != table.size
        changed_key = (clear_key, before.lines.line, all_slots)
        lines = _shared(self._changed, changed_key, lambda: new(before.lines, all_slots))
        return lines, before.first or First(before.lines, self._old.seed, before.sticky)

    def keep(self, service: Service, before: ServiceInMaps) -> ServiceInMaps | None:
        """`before` as it goes on, of a service of which nothing changed, nor of its table; None: its lines
        have to be looked at, as `place` does."""
        lines = before.lines
        if self._new_seed or lines.digest != service.table or lines.mapping is None:
            return None
        self.kept += 1
        if lines.clear and before.first is None:  # as in `place`
            lines = self._clear.setdefault((lines.digest, lines.mapping), lines)
        return before if lines is before.lines else replace(before, lines=lines)

    def _allocate(self, table: Table, digest: str, mapping: tuple[int, ...], clear: bool) -> Lines:
        try:
            line = self._arena.take(lines_of(table.size))
        except ArenaFull as full:
            raise LinesFull(full.wanted, full.free) from None
        return Lines(line, table.size, digest, mapping, clear)

    def _unchanged(self, lines: Lines, digest: str, table: Table, mapping: tuple[int, ...]) -> Lines | None:
        """The lines if they hold this table. After a restart only their content can tell."""
        if lines.digest is not None:
            return lines if (lines.digest, lines.mapping) == (digest, mapping) else None
        if lines.line in self._recognised:
            return self._unchanged(self._recognised[lines.line], digest, table, mapping)
        owners = np.array(mapping, np.uint16)[table.slots]
        if lines.size != table.size or not np.array_equal(self._slots[lines.slots] & OWNER, owners):
            return None
        recognised = replace(lines, digest=digest, mapping=mapping)
        self._recognised[lines.line] = recognised
        if recognised.clear:
            recognised = self._clear.setdefault((digest, mapping), recognised)
        return recognised


def _ends_leastconn(before: ServiceInMaps, service: Service) -> bool:
    """Its flows are where the loads were low: in the flow table, which from now on is asked only where a slot
    says so."""
    return bool(before.flags & ServiceFlags.LEASTCONN) and not service.leastconn


def _shared(known: dict[Hashable, Lines], key: Hashable, new: Callable[[], Lines]) -> Lines:
    if key not in known:
        known[key] = new()
    return known[key]
