"""Which new reals must wait for the fleet (docs/sharing.md, rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .report import Report, Roster


@dataclass(frozen=True)
class Would:
    """Of a service: its reals that would accept, were none held, and how many it needs."""

    accept: frozenset[int]
    need: int


class Holding:
    """`waiting`: reals that came with a document and were not let go of so far; `held`: those of them that
    drain for a peer's sake now."""

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        self.held: frozenset[int] = frozenset()
        self._known: Mapping[int, frozenset[int]] = {}

    def follow(self, roster: Roster, accepting: Iterable[int] = ()) -> None:
        """The document that is live now. accepting: reals that do so already, as before a restart."""
        none: frozenset[int] = frozenset()
        new, gone = set[int](), set[int]()
        for service in roster.services.keys() | self._known.keys():
            now, before = roster.services.get(service, none), self._known.get(service, none)
            if now is not before:
                new |= now - before
                gone |= before - now
        self.waiting = (self.waiting - gone) | (new - frozenset(accepting))
        self._known = roster.services
        self.held -= gone

    def decide(self, mine: Roster, peers: Iterable[Report], would: Mapping[int, Would]) -> None:
        """Lets go of those that no live peer lacks any more, and of a service's that is too short of reals.
        `would`: by service; a service that is not there is not short."""
        others = [peer for peer in peers if peer.digest != mine.digest]
        held: set[int] = set()
        for service, reals in mine.services.items() if self.waiting else ():
            if waiting := self.waiting & reals:
                lacked = {real for real in waiting if _lacked(service, real, others)}
                if service in would and _short(would[service], lacked):
                    lacked = set()
                self.waiting -= waiting - lacked
                held |= lacked
        self.held = frozenset(held)


def _lacked(service: int, real: int, peers: Iterable[Report]) -> bool:
    return any(peer.roster is None or peer.roster.lacks(service, real) for peer in peers)


def _short(would: Would, held: set[int]) -> bool:
    """Not so while none of the held ones would accept anyhow: then nothing is won by letting them go."""
    return len(would.accept - held) < max(1, would.need) and bool(would.accept & held)
