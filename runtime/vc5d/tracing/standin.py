"""The tracing program, in the place of a plain one while somebody traces."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..xdp.bpf import Map, Object
from ..xdp.layout import TRACE_COUNT, TraceLimits
from ..xdp.program import NAME, Program

TRACERS = int(TraceLimits.TRACERS)
_RING = 1 << 20  # bytes; an event takes about a thousand
_MAPS = ("trace_filters", "trace_counts", "trace_events")
_TRACING = {".rodata.tracing": b"\1"}


@dataclass(frozen=True)
class Counts:
    """Of one filter. limited: matched and not told, since there were more than its limit. lost: not told,
    since nobody had read what was told before."""

    matched: int = 0
    limited: int = 0
    lost: int = 0


class TraceMaps:
    """What a tracing program is told and tells, whichever program that is: they stay when a document outgrows
    its maps and another program comes. Filters have numbers, 0 … TRACERS-1."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = {name: Map(os.dup(maps[name].fd), name) for name in _MAPS}

    @property
    def fds(self) -> dict[str, int]:
        return {name: found.fd for name, found in self._maps.items()}

    def set_filter(self, number: int, record: bytes) -> None:
        """A TRACE_FILTER record; its counts begin anew."""
        self._maps["trace_counts"].write_percpu(number, bytes(TRACE_COUNT.itemsize))
        self._maps["trace_filters"].update(struct.pack("<I", number), record)

    def clear_filter(self, number: int) -> None:
        found = self._maps["trace_filters"]
        found.update(struct.pack("<I", number), bytes(found.value_size))

    def counts(self) -> list[Counts]:
        """By number of the filter, over all CPUs."""
        found = self._maps["trace_counts"].read_percpu(TRACE_COUNT)
        names = ("matched", "limited", "lost")
        return [Counts(*(int(found[name][number].sum()) for name in names)) for number in range(TRACERS)]

    def close(self) -> None:
        for found in self._maps.values():
            found.close()


class StandIn:
    """A tracing program on every interface of `program`, until `end`. Not to be used from several threads."""

    def __init__(self, object_path: Path, program: Program) -> None:
        """Raises Vc5Error, and then the plain program is where it was."""
        self._path, self._program = object_path, program
        self._object = Object(object_path, {"trace_events": _RING}, program.shared(), _TRACING)
        try:
            self.maps = TraceMaps(self._object.maps)
            program.give_place(self._object.program(NAME))
        except BaseException:
            program.give_place(None)
            self._object.close()
            raise

    def follow(self, program: Program) -> None:
        """Another program has come, with other maps: the same in its place. Raises Vc5Error, and then that
        program goes on untraced."""
        loaded = Object(self._path, {}, program.shared() | self.maps.fds, _TRACING)
        self._object.close()
        self._object, self._program = loaded, program
        program.give_place(loaded.program(NAME))

    def end(self) -> None:
        """The plain program is back."""
        self._program.give_place(None)
        self._object.close()
        self.maps.close()
