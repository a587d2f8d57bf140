"""From a document's services and reals to stable ids, and back to names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..generation.state import real_id, service_id
from .report import Roster

if TYPE_CHECKING:
    from ..document import Document, ServiceKey
    from ..health.checks import Name


class Names:
    """Of one document and the reals that left it and drain."""

    def __init__(self, document: Document, leaving: Iterable[Name] = (), before: Names | None = None) -> None:
        """before: of the document before, so that an id that is known need not be hashed again."""
        known = before.ids if before else {}
        self.services: dict[int, ServiceKey] = {}
        self.reals: dict[int, Name] = {}
        self.ids: dict[Name, int] = {}
        services: dict[int, frozenset[int]] = {}
        for key, service in document.services.items():
            number = service_id(key)
            self.services[number] = key
            services[number] = frozenset(self._add((key, address), known) for address in service.reals)
        self.roster = Roster(document.digest, services)
        for name in leaving:
            self._add(name)

    def _add(self, name: Name, known: Mapping[Name, int] = MappingProxyType({})) -> int:
        number = self.ids[name] = known.get(name) or real_id(*name)
        self.reals[number] = name
        return number

    def leave(self, names: Iterable[Name]) -> None:
        """These left the document, and drain."""
        for name in names:
            if name not in self.ids:
                self._add(name)

    @cached_property
    def count(self) -> int:
        return len(self.roster.reals)

    def named(self, ids: Iterable[int]) -> list[Name]:
        return [self.reals[each] for each in ids if each in self.reals]
