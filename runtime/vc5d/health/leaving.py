"""Reals that left the document while the kernel still sends their established flows to them.

They are checked on, as the document before had it, until the kernel has let go of them: one that dies while
it drains must not hold its flows. A service that left as a whole takes its reals along: its VIP is no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import TYPE_CHECKING

from ..loop.courtesy import giving_way
from .checks import Name, Plan

if TYPE_CHECKING:
    from ..document import Document, Neighbor
    from .plans import Plans


def gone(before: Document, plans: Plans, after: Document) -> dict[Name, Plan]:
    """The reals that `after` has no more, and how `before` has them checked, by `plans`. Not for the event
    loop's own thread: it looks at all."""
    found: dict[Name, Plan] = {}
    for key, service in giving_way(after.services.items()):
        former = before.services.get(key)
        if former and former is not service:  # the same object: as most are
            its = former.reals.keys() - service.reals.keys()
            found.update(((key, real), plans[key, real]) for real in sorted(its))
    return found


class Leaving:
    """`plans`: how those that leave are checked; another object whenever one came or went."""

    def __init__(self) -> None:
        self.plans: dict[Name, Plan] = {}
        self._neighbors: dict[str, Neighbor] = {}
        self._vlans: dict[int, str] = {}

    def replaced(self, before: Document, after: Document, gone: Mapping[Name, Plan]) -> None:
        """`after` takes the place of `before`. gone: as `gone` has it."""
        known, self.plans = self.plans, dict(gone)
        for (key, real), plan in known.items():
            if key in after.services and real not in after.services[key].reals:
                self.plans.setdefault((key, real), plan)
        found = {real: before.neighbors.get(real) or self._neighbors.get(real) for _, real in self.plans}
        self._neighbors = {real: neighbor for real, neighbor in found.items() if neighbor}
        vlans = {**self._vlans, **before.vlans}
        used = {neighbor.vlan for neighbor in self._neighbors.values()}
        self._vlans = {vlan: prefix for vlan, prefix in vlans.items() if vlan in used}

    def inherit(self, reals: Mapping[Name, Neighbor], plans: Plans) -> None:
        """These are in the kernel, though no document before had them here: a peer gave them."""
        self.plans = dict(self.plans)
        for (key, real), neighbor in reals.items():
            if like := next(iter(plans.by_service.get(key, {}).values()), None):
                self.plans[key, real] = replace(like, real=real)
                self._neighbors.setdefault(real, neighbor)

    def let_go(self, names: Set[Name]) -> bool:
        """The kernel has nothing of these any more. Whether one was here."""
        if names.isdisjoint(self.plans):
            return False
        self.plans = {name: plan for name, plan in self.plans.items() if name not in names}
        return True

    def with_their_places(self, document: Document) -> Document:
        """The document as those need it who find the reals: with the addresses and VLANs of these too."""
        addresses = {real for _, real in self.plans}
        neighbors = {real: each for real, each in self._neighbors.items() if real in addresses}
        if not neighbors:
            return document
        return replace(
            document,
            neighbors={**neighbors, **document.neighbors},
            vlans={**self._vlans, **document.vlans},
        )
