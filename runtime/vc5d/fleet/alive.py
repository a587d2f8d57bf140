"""Which reals this load balancer's own checks say are up, by their stable ids: what it tells its peers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from .names import Names

if TYPE_CHECKING:
    from ..document import ServiceKey


class Up(Protocol):
    """Addresses of a service's reals that are up. revision: another one whenever something changed."""

    @property
    def up(self) -> Iterable[str]: ...
    @property
    def revision(self) -> int: ...


class Alive:
    """`ids`: as of the last look. Only services of which something changed are looked at again: a fleet may
    have 100,000 reals, and one of them changes."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[ServiceKey, tuple[int, frozenset[int]]] = {}
        self.ids = frozenset[int]()

    def look(self, services: Iterable[tuple[ServiceKey, Up]]) -> frozenset[int]:
        """services: all of them."""
        before, self._known = self._known, {}
        anew = False
        for key, its in services:
            known = before.get(key)
            if known is None or known[0] != its.revision:
                known, anew = (its.revision, frozenset(self._names.of_all(key, its.up))), True
            self._known[key] = known
        if anew or len(before) != len(self._known):
            self.ids = frozenset().union(*(ids for _, ids in self._known.values()))
        return self.ids
