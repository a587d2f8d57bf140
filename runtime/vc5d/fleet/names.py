"""From a document's services and reals to stable ids, and back to names.

All is kept by service: of 100,000 reals a document changes few, and what holds for a service that it left
alone is the very object that the document before had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING

from ..generation.state import real_id, service_id
from ..loop.courtesy import giving_way
from .report import Roster

if TYPE_CHECKING:
    from ..document import Document, Service, ServiceKey
    from ..health.checks import Name

Ids = Mapping[str, int]  # by address, of one service


class Names:
    """Of one document and the reals that left it and drain. `services`: keys by their ids. Several reals may
    share an id: with 100,000 one or two do."""

    def __init__(self, document: Document, leaving: Iterable[Name] = (), before: Names | None = None) -> None:
        """before: those of the document before."""
        self._document: Mapping[ServiceKey, Service] = document.services
        self._ids: dict[ServiceKey, Ids] = {}
        self._left: dict[ServiceKey, dict[str, int]] = {}
        self._told: Iterable[Name] = ()
        self.services: dict[int, ServiceKey] = {}
        rosters: dict[int, frozenset[int]] = {}
        for key, service in giving_way(document.services.items()):
            number = service_id(key)
            self.services[number] = key
            self._ids[key], rosters[number] = _ids_of(service, number, before)
        self.roster: Roster = Roster(document.digest, rosters)
        self.leave(leaving)

    def of(self, key: ServiceKey, address: str) -> int | None:
        """The id of a real, also of one that left; None: it is not known."""
        found = self._ids.get(key, {}).get(address)
        return self._left.get(key, {}).get(address) if found is None else found

    def of_all(self, key: ServiceKey, addresses: Iterable[str]) -> frozenset[int]:
        """Of those that are known."""
        its, left = self._ids.get(key, {}), self._left.get(key)
        found = frozenset(its[address] for address in addresses if address in its)
        return found.union(left[address] for address in addresses if address in left) if left else found

    def known(self, key: ServiceKey) -> tuple[Ids | None, int]:
        """Another object, or another number, when `of_all` may answer otherwise than before."""
        return self._ids.get(key), len(self._left.get(key, ()))

    def leave(self, names: Iterable[Name]) -> None:
        """These left the document, and drain. The same object again: nothing is new."""
        if names is self._told:
            return
        self._told = names
        for key, address in names:
            if self.of(key, address) is None:
                self._left.setdefault(key, {})[address] = real_id(key, address)

    def named(self, ids: Set[int]) -> list[Name]:
        """All that have one of these."""
        there = self.roster.services
        found = [key for number, key in self.services.items() if not ids.isdisjoint(there[number])]
        its = [(key, self._ids[key]) for key in found] + list(self._left.items())
        return [(key, address) for key, own in its for address, number in own.items() if number in ids]

    def pieces(self) -> list[object]:
        """All that takes long to free."""
        return [*self._ids.values(), *self.roster.services.values()]


def _ids_of(service: Service, number: int, before: Names | None) -> tuple[Ids, frozenset[int]]:
    former = before._document.get(service.key) if before else None
    if before is None or former is None:
        ids = {address: real_id(service.key, address) for address in service.reals}
        return ids, frozenset(ids.values())
    known, roster = before._ids[service.key], before.roster.services[number]
    if former is service or former.reals.keys() == service.reals.keys():
        return known, roster
    ids = {address: known.get(address) or real_id(service.key, address) for address in service.reals}
    return ids, frozenset(ids.values())
