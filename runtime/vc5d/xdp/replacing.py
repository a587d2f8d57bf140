"""One program in the place of another: what its maps know comes along, and each link changes by one atomic
update."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..generation.grow import copy_flows
from ..generation.older import Older
from .bpf import Array
from .layout import Reason
from .maps import Capacity, Maps
from .program import Program
from .stores import Table


class Source(Protocol):
    """Maps that are replaced, as far as the new ones go on from them."""

    @property
    def flow_tables(self) -> Mapping[str, Table]: ...
    def counters(self) -> Array: ...
    def reasons(self) -> Mapping[Reason, int]: ...
    def close(self) -> None: ...


class Predecessor(Source, Protocol):
    """Pinned maps of an older layout. They are only read: their program may go on with them."""

    def capacity(self, least: Capacity) -> Capacity: ...
    def copy(self, new: Maps) -> None: ...


class Outgrowing:
    """The maps of a program that a document has outgrown."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.flow_tables: Mapping[str, Table] = program.maps.tables

    def counters(self) -> Array:
        return self._program.maps.read_real_counters()

    def reasons(self) -> Mapping[Reason, int]:
        return self._program.maps.read_reasons()

    def close(self) -> None:
        """The program's owner closes it."""


def find_predecessor(pin_dir: Path) -> Predecessor | None:
    """What of an older layout is pinned there whole; None: nothing that this vc5d knows."""
    return Older.found(pin_dir)


def load_after(predecessor: Predecessor | None, object_path: Path, least: Capacity) -> Program:
    """A new program, not pinned, whose maps hold what the predecessor's do, and have room for `least`."""
    if predecessor is None:
        return Program.load(object_path, least)
    program = Program.load(object_path, predecessor.capacity(least))
    predecessor.copy(program.maps)
    return program


def prepare(new: Program, pin_dir: Path, source: Source | None) -> None:
    """Pins `new`, with the flows of `source`. Raises Vc5Error, and then nothing has changed."""
    if source:
        copy_flows(source.flow_tables, new.maps)
    new.pin(pin_dir)


def take_over(new: Program, source: Source | None) -> list[str]:
    """Puts `new` on every interface that has a pinned link; their names. Then come the flows that were stored
    in `source` since `prepare`."""
    names = new.take_over()
    if source:
        new.maps.wait_grace()
        copy_flows(source.flow_tables, new.maps)
    return names
