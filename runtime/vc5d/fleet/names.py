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
        former: Mapping[ServiceKey, Service] = before._of if before else {}
        self._of: Mapping[ServiceKey, Service] = document.services
        self._left: list[Name] = []
        self.services: dict[int, ServiceKey] = {}
        self.reals: dict[int, Name] = dict(before.reals) if before else {}
        self._shared: dict[int, set[Name]] = {}  # ids that several have: with 100,000 reals one or two do
        for number, names in before._shared.items() if before else ():
            self._shared[number] = set(names)
        self.ids: dict[Name, int] = dict(before.ids) if before else {}
        for key, was in former.items():
            now = self._of.get(key)
            if now is not was:
                self._forget((key, address) for address in was.reals.keys() - (now.reals if now else ()))
        self._forget(before._left if before else ())
        known: Mapping[Name, int] = before.ids if before else {}
        services: dict[int, frozenset[int]] = {}
        for key, service in self._of.items():
            number = service_id(key)
            self.services[number] = key
            if before and key in former:
                services[number] = self._after(former[key], service, before.roster.services[number], known)
            else:
                services[number] = frozenset(self._add((key, address), known) for address in service.reals)
        self.roster: Roster = Roster(document.digest, services)
        self.count = len(self.roster.reals)  # which are thereby known: this is not the event loop's thread
        self.leave(leaving)

    def _after(
        self, was: Service, now: Service, ids: frozenset[int], known: Mapping[Name, int]
    ) -> frozenset[int]:
        """The ids of a service whose reals had `ids`; those that are gone are forgotten already."""
        if now is was:
            return ids
        gone = {known[now.key, address] for address in was.reals.keys() - now.reals}
        came = {self._add((now.key, address), known) for address in now.reals.keys() - was.reals}
        if not any(number in self.reals for number in gone):
            return ids - gone | came
        return frozenset(self.ids[now.key, address] for address in now.reals)  # another one has such an id

    def _add(self, name: Name, known: Mapping[Name, int]) -> int:
        number = self.ids[name] = known.get(name) or real_id(*name)
        other = self.reals.setdefault(number, name)
        if other != name:
            self._shared.setdefault(number, {other}).add(name)
        return number

    def _forget(self, names: Iterable[Name]) -> None:
        for name in names:
            if (number := self.ids.pop(name, None)) is None:
                continue
            del self.reals[number]
            if others := self._shared.pop(number, set()) - {name}:
                self.reals[number] = next(iter(others))
            if len(others) > 1:
                self._shared[number] = others

    def leave(self, names: Iterable[Name]) -> None:
        """These left the document, and drain."""
        for name in names:
            if name not in self.ids:
                self._left.append(name)
                self._add(name, {})

    def named(self, ids: Iterable[int]) -> list[Name]:
        return [self.reals[each] for each in ids if each in self.reals]
