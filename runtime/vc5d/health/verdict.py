"""From conditions to what the kernel and the router are told: a real's state, the VIPs to announce."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..layout import RealState
from .state import Condition

if TYPE_CHECKING:
    from ..document import Document, ServiceKey

Conditions = Callable[["ServiceKey", str], Condition]


def wanted_state(condition: Condition, disabled: bool) -> RealState | None:
    """None before the first result: the kernel keeps what it has, so that a restart drops no traffic
    (a real that is new to the kernel is down there)."""
    if condition.up is None:
        return None
    if not condition.up:
        return RealState.DOWN
    return RealState.DRAINING if disabled else RealState.ACCEPTING


def healthy_vips(document: Document, conditions: Conditions, announced: frozenset[str]) -> frozenset[str]:
    """The VIPs to announce: on every service of it at least `need` reals accept.

    One that is not announced yet also waits for the first result of each of its reals, or the first to
    answer would get the traffic of all. On one that is announced, a real without a result counts as one that
    accepts: a document that adds a service, or changes how reals are checked, must not withdraw the VIP.
    """
    failing: set[str] = set()
    for key, service in document.services.items():
        accepting = 0
        for address, real in service.reals.items():
            condition = conditions(key, address)
            if condition.up is None and key.address not in announced:
                failing.add(key.address)
            if condition.up is not False and not real.disabled:
                accepting += 1
        if accepting < service.need:
            failing.add(key.address)
    return frozenset(key.address for key in document.services) - failing
