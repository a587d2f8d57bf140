"""From the conditions of the reals to what the router is told: the VIPs to announce, or why not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Set
from typing import TYPE_CHECKING, Any, Protocol

from .state import Condition

if TYPE_CHECKING:
    from ..document import Document, Service, ServiceKey

Conditions = Callable[["ServiceKey", str], Condition]
Drained = Callable[["ServiceKey", str], bool]


class Known(Protocol):
    """watch.Sides: addresses."""

    @property
    def up(self) -> Set[str]: ...
    @property
    def down(self) -> Set[str]: ...
    @property
    def revision(self) -> int: ...


Sides = Callable[["ServiceKey"], Known]


class Counts:
    """How many reals of each service accept, and of how many nothing is known. sides: which of a service's
    reals are up and down, so that not each has to be asked for; None: each is."""

    def __init__(self, sides: Sides | None = None) -> None:
        self._sides = sides
        self._closed: dict[ServiceKey, tuple[Service, Any, Set[str]]] = {}
        self._counted: dict[ServiceKey, tuple[Service, Any, int, tuple[int, int]]] = {}

    def of(self, service: Service, conditions: Conditions, drained: Drained | None) -> tuple[int, int]:
        """One whose condition is not known counts as one that accepts."""
        if self._sides is None:
            return _count(service, conditions, drained)
        sides, known = self._sides(service.key), self._counted.get(service.key)
        if known and known[0] is service and known[1] == drained and known[2] == sides.revision:
            return known[3]
        names = service.reals.keys()
        down = names & sides.down
        accepting = len(names) - len(down) - len(self._closed_of(service, drained) - down)
        found = (accepting, len(names) - len(down) - len(names & sides.up))
        self._counted[service.key] = (service, drained, sides.revision, found)
        return found

    def _closed_of(self, service: Service, drained: Drained | None) -> Set[str]:
        """Those that shall take nothing new."""
        known = self._closed.get(service.key)
        if known and known[0] is service and known[1] == drained:
            return known[2]
        closed = {
            address
            for address, real in service.reals.items()
            if real.disabled or (drained and drained(service.key, address))
        }
        self._closed[service.key] = (service, drained, closed)
        return closed

    def keep(self, services: Container[ServiceKey]) -> None:
        """Forget all others."""
        for gone in [key for key in self._counted if key not in services]:
            del self._counted[gone]
            self._closed.pop(gone, None)


def _count(service: Service, conditions: Conditions, drained: Drained | None) -> tuple[int, int]:
    accepting = unknown = 0
    for address, real in service.reals.items():
        up = conditions(service.key, address).up
        unknown += up is None
        accepting += up is not False and not real.disabled and not (drained and drained(service.key, address))
    return accepting, unknown


def vip_faults(
    document: Document,
    conditions: Conditions,
    announced: frozenset[str],
    drained: Drained | None = None,
) -> dict[str, str]:
    """VIP -> its `fault`, for those that have one. drained: reals that an operator has taken out."""
    found: dict[str, str] = {}
    for vip, services in by_vip(document).items():
        counted = [_count(service, conditions, drained) for service in services]
        if why := fault(services, counted, announced=vip in announced):
            found[vip] = why
    return found


def by_vip(document: Document) -> dict[str, list[Service]]:
    services: dict[str, list[Service]] = {}
    for key, service in document.services.items():
        services.setdefault(key.address, []).append(service)
    return services


def fault(services: Collection[Service], counted: Collection[tuple[int, int]], *, announced: bool) -> str:
    """Why a VIP with these services is not to be announced, "": it is healthy: of every service at least
    `need` reals must accept. counted: of each service how many do, and of how many nothing is known.

    One that is not announced yet also waits for the first result of each of its reals, or the first to
    answer would get the traffic of all. On one that is announced, a real without a result counts as one that
    accepts: a document that adds a service, or changes how reals are checked, must not withdraw the VIP.
    """
    unchecked = ""
    for service, (accepting, unknown) in zip(services, counted, strict=True):
        if accepting < service.need:
            return f"{accepting} of {service.need} needed reals of {service.key} accept"
        if unknown and not announced:
            unchecked = unchecked or f"{unknown} reals of {service.key} are not checked yet"
    return unchecked
