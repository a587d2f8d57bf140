"""From a document's services and reals to stable ids, and back to names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..generation.state import real_id, service_id
from .report import Roster

if TYPE_CHECKING:
    from ..document import Document, Service, ServiceKey
    from ..health.checks import Name


class Names:
    """Of one document and the reals that left it and drain."""

    def __init__(self, document: Document, leaving: Iterable[Name] = (), before: Names | None = None) -> None:
        """before: of the document before: of services that are the same objects all is known."""
        if before and len(before.ids) != len(before.reals):
            before = None  # two have one id: whose it is when one goes is found anew
        former: Mapping[ServiceKey, Service] = before._of if before else {}
        self._of: Mapping[ServiceKey, Service] = document.services
        self._left: list[Name] = []
        self.services: dict[int, ServiceKey] = {}
        self.reals: dict[int, Name] = dict(before.reals) if before else {}
        self.ids: dict[Name, int] = dict(before.ids) if before else {}
        for key, service in former.items():
            if self._of.get(key) is not service:
                self._forget((key, address) for address in service.reals)
        self._forget(before._left if before else ())
        known: Mapping[Name, int] = before.ids if before else {}
        services: dict[int, frozenset[int]] = {}
        for key, service in self._of.items():
            number = service_id(key)
            self.services[number] = key
            if before and former.get(key) is service:
                services[number] = before.roster.services[number]
            else:
                services[number] = frozenset(self._add((key, address), known) for address in service.reals)
        self.roster: Roster = Roster(document.digest, services)
        self.count = len(self.roster.reals)  # which are thereby known: this is not the event loop's thread
        self.leave(leaving)

    def _add(self, name: Name, known: Mapping[Name, int]) -> int:
        number = self.ids[name] = known.get(name) or real_id(*name)
        self.reals[number] = name
        return number

    def _forget(self, names: Iterable[Name]) -> None:
        for name in names:
            if (number := self.ids.pop(name, None)) is not None:
                self.reals.pop(number, None)

    def leave(self, names: Iterable[Name]) -> None:
        """These left the document, and drain."""
        for name in names:
            if name not in self.ids:
                self._left.append(name)
                self._add(name, {})

    def named(self, ids: Iterable[int]) -> list[Name]:
        return [self.reals[each] for each in ids if each in self.reals]
