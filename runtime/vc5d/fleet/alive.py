"""Which reals this load balancer's own checks say are up, by their stable ids: what it tells its peers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .names import Ids, Names

if TYPE_CHECKING:
    from ..document import ServiceKey


class Up(Protocol):
    """Addresses of a service's reals that are up. revision: another one whenever something changed."""

    @property
    def up(self) -> Iterable[str]: ...
    @property
    def revision(self) -> int: ...


@dataclass(frozen=True)
class _Looked:
    """What a service's ids were made of, and these."""

    revision: int
    known: Ids | None
    left: int
    ids: frozenset[int]


class Alive:
    """`ids`: as of the last look. Only services of which something changed are looked at again: a fleet may
    have 100,000 reals, and one of them changes."""

    def __init__(self) -> None:
        self._looked: dict[ServiceKey, _Looked] = {}
        self.ids = frozenset[int]()

    def look(self, services: Iterable[tuple[ServiceKey, Up]], names: Names) -> frozenset[int]:
        """services: all of them."""
        before, self._looked = self._looked, {}
        anew = False
        for key, its in services:
            known, left = names.known(key)
            looked = before.get(key)
            if (
                looked is None
                or looked.known is not known
                or (looked.revision, looked.left) != (its.revision, left)
            ):
                looked, anew = _Looked(its.revision, known, left, names.of_all(key, its.up)), True
            self._looked[key] = looked
        if anew or len(before) != len(self._looked):
            self.ids = frozenset().union(*(looked.ids for looked in self._looked.values()))
        return self.ids
