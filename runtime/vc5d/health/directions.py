"""How to get to a real, and whether it is there: what the probers ask."""

from __future__ import annotations

from typing import Protocol

from .marks import Paths
from .target import Target


class Resolver(Protocol):
    def resolved(self, real: str) -> bool: ...


class Directions:
    """Paths and neighbors as one."""

    def __init__(self, paths: Paths, neighbors: Resolver) -> None:
        self._paths = paths
        self._neighbors = neighbors

    def target(self, real: str, vip: str) -> Target | str:
        """A string says in words why the real cannot be reached."""
        return self._paths.target(real, vip)

    def resolved(self, real: str) -> bool:
        return self._neighbors.resolved(real)
