"""From the conditions of the reals to what the router is told: the VIPs to announce, or why not."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

from .state import Condition

if TYPE_CHECKING:
    from ..document import Document, Service, ServiceKey

Conditions = Callable[["ServiceKey", str], Condition]
Drained = Callable[["ServiceKey", str], bool]
Revision = Callable[["ServiceKey"], int]


class Counts:
    """How many reals of each service accept, and of how many nothing is known. Counted again only where that
    may have changed: the service itself, what is drained, or its revision, a number that grows whenever one
    of its reals goes up or down. Without `revision` always."""

    def __init__(self, revision: Revision | None = None) -> None:
        self._revision = revision
        self._known: dict[ServiceKey, tuple[Service, Any, int, tuple[int, int]]] = {}

    def of(self, service: Service, conditions: Conditions, drained: Drained | None) -> tuple[int, int]:
        """One whose condition is not known counts as one that accepts."""
        if self._revision is None:
            return _count(service, conditions, drained)
        revision, known = self._revision(service.key), self._known.get(service.key)
        if known and known[0] is service and known[1] == drained and known[2] == revision:
            return known[3]
        found = _count(service, conditions, drained)
        self._known[service.key] = (service, drained, revision, found)
        return found

    def keep(self, services: Container[ServiceKey]) -> None:
        """Forget all others."""
        for gone in [key for key in self._known if key not in services]:
            del self._known[gone]


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
    counts: Counts | None = None,
) -> dict[str, str]:
    """VIP -> why it is not to be announced, for those that are not healthy: on every service of a VIP at
    least `need` reals must accept. drained: those that an operator has taken out.

    One that is not announced yet also waits for the first result of each of its reals, or the first to
    answer would get the traffic of all. On one that is announced, a real without a result counts as one that
    accepts: a document that adds a service, or changes how reals are checked, must not withdraw the VIP.
    """
    faults: dict[str, str] = {}
    counts = counts or Counts()
    for key, service in document.services.items():
        accepting, unknown = counts.of(service, conditions, drained)
        if accepting < service.need:
            faults[key.address] = f"{accepting} of {service.need} needed reals of {key} accept"
        elif unknown and key.address not in announced:
            faults.setdefault(key.address, f"{unknown} reals of {key} are not checked yet")
    return faults
