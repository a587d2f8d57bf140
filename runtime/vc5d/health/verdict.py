"""From the conditions of the reals to what the router is told: the VIPs to announce, or why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .state import Condition

if TYPE_CHECKING:
    from ..document import Document, ServiceKey

Conditions = Callable[["ServiceKey", str], Condition]
Drained = Callable[["ServiceKey", str], bool]


def vip_faults(
    document: Document,
    conditions: Conditions,
    announced: frozenset[str],
    drained: Drained | None = None,
) -> dict[str, str]:
    """VIP -> why it is not to be announced, for those that are not healthy: on every service of a VIP at
    least `need` reals must accept. drained: those that an operator has taken out.

    One that is not announced yet also waits for the first result of each of its reals, or the first to
    answer would get the traffic of all. On one that is announced, a real without a result counts as one that
    accepts: a document that adds a service, or changes how reals are checked, must not withdraw the VIP.
    """
    faults: dict[str, str] = {}
    for key, service in document.services.items():
        accepting, unknown = 0, 0
        for address, real in service.reals.items():
            up = conditions(key, address).up
            unknown += up is None
            accepting += up is not False and not real.disabled and not (drained and drained(key, address))
        if accepting < service.need:
            faults[key.address] = f"{accepting} of {service.need} needed reals of {key} accept"
        elif unknown and key.address not in announced:
            faults.setdefault(key.address, f"{unknown} reals of {key} are not checked yet")
    return faults
