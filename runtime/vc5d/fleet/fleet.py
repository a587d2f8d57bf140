"""All of a load balancer's knowledge of its fleet, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from . import agreement, loads
from .acceptance import Holding, Would
from .learning import Learning
from .liveness import kept
from .members import Member, Members
from .report import Report, Roster

BUSY = 2.0  # s without a call: this process was kept from running, and what was said waits to be heard


@dataclass(frozen=True)
class News:
    """What has changed. reals: by stable id, those that are kept or held now and were not, or the reverse.
    ask: peers to be asked for their flows; learn_from: the one to be asked for everything."""

    came: tuple[str, ...] = ()
    gone: tuple[Member, ...] = ()
    reals: frozenset[int] = frozenset()
    ask: tuple[str, ...] = ()
    learn_from: str | None = None


class Fleet:
    """`members` and `learning` are to be read; `kept`: reals that a live peer says are alive."""

    def __init__(self, roster: Roster, learning: Learning, accepting: frozenset[int] = frozenset()) -> None:
        """accepting: reals that do so already, since the program was there before this process."""
        self.roster, self.learning = roster, learning
        self.members, self.kept = Members(), frozenset[int]()
        self._holding = Holding()
        self._holding.follow(roster, accepting)
        self._came: dict[str, None] = {}
        self._advanced: float | None = None
        self._told: list[frozenset[int]] = []  # what `kept` was made of

    @property
    def held(self) -> frozenset[int]:
        """Reals that must not accept for a peer's sake."""
        return self._holding.held

    @property
    def agreed(self) -> bool:
        return agreement.agreed(self.roster.digest, self.members.reports())

    def settled(self, now: float) -> bool:
        """Not so before everyone who is there was heard."""
        return self.learning.heard_all(now) and agreement.settled(self.members.reports())

    def follow(self, roster: Roster) -> None:
        """This document is live now."""
        self.roster = roster
        self._holding.follow(roster)

    def hear(self, address: str, report: Report, now: float) -> None:
        before = self.members.of(report)
        if report.roster is None and before:
            # not known what its document has: its last word on reals stands
            same = before.report.digest == report.digest
            report = replace(
                report,
                roster=before.report.roster if same else None,
                alive=before.report.alive | report.alive,
            )
        if self.members.hear(address, report, now):
            self._came[address] = None

    def advance(self, now: float, would: Mapping[int, Would]) -> News:
        """To be called when something was heard, and each second. `would`: of services with reals that
        wait."""
        if self._advanced is not None and now - self._advanced > BUSY:
            self.members.forgive(now - self._advanced)
        self._advanced = now
        gone = tuple(self.members.expire(now))
        came = tuple(address for address in self._came if address in self.members.live)
        self._came.clear()
        able = [address for address, member in self.members.live.items() if not member.report.learning]
        learn_from = self.learning.advance(now, able)
        ask = tuple(address for address in came if self.learning.learned and address in able)
        return News(came, gone, self._judge(would), ask, learn_from)

    def _judge(self, would: Mapping[int, Would]) -> frozenset[int]:
        peers, were_held, now_kept = self.members.reports(), self.held, self.kept
        told = [peer.alive for peer in peers]
        if len(told) != len(self._told) or any(a is not b for a, b in zip(told, self._told, strict=True)):
            self._told, now_kept = told, kept(peers)
        if self.learning.learned:
            self._holding.decide(self.roster, peers, would)
        changed = (now_kept ^ self.kept) | (self.held ^ were_held)
        self.kept = now_kept
        return changed & self.roster.reals if changed else changed

    def waiting(self) -> frozenset[int]:
        """Services with reals that may be held."""
        waiting = self._holding.waiting
        return (
            frozenset(s for s, reals in self.roster.services.items() if waiting & reals)
            if waiting
            else frozenset()
        )

    def summed(self, mine: Mapping[int, int]) -> dict[int, int]:
        return loads.summed(mine, self.members.reports())
