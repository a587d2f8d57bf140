"""How to get to a real, and whether it is there: what the probers ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .marks import Paths
from .target import Target


class Resolver(Protocol):
    def resolved(self, real: str) -> bool: ...
    def unasked(self, real: str) -> bool: ...


class Directions:
    """Paths and neighbors as one."""

    def __init__(self, paths: Paths, neighbors: Resolver, hop_to: Callable[[str], str]) -> None:
        """hop_to: the neighbor on the way to a real: itself, or a router."""
        self._paths = paths
        self._neighbors = neighbors
        self._hop_to = hop_to

    def target(self, real: str, vip: str) -> Target | str:
        """A string says in words why the real cannot be reached."""
        return self._paths.target(real, vip)

    def resolved(self, real: str) -> bool:
        return self._neighbors.resolved(self._hop_to(real))

    def unasked(self, real: str) -> bool:
        """This host could not ask who it is."""
        return self._neighbors.unasked(self._hop_to(real))
