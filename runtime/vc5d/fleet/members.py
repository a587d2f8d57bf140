"""Who of the fleet is there. One that is gone holds nothing up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .report import LONGEST_SILENCE, Report


@dataclass(frozen=True)
class Member:
    """A peer that is live. address: the first that it was heard from; addresses: all. since: when this start
    of it was heard first; heard: last."""

    address: str
    addresses: frozenset[str]
    report: Report
    since: float
    heard: float

    @property
    def ends(self) -> float:
        """When it is gone, if nothing more is heard."""
        return self.heard + min(self.report.silence, LONGEST_SILENCE)


class Members:
    """Live peers by the address that their reports came from first. What comes from an address of one with
    another `boot` is that one, started anew."""

    def __init__(self) -> None:
        self.live: dict[str, Member] = {}

    def hear(self, address: str, report: Report, now: float) -> bool:
        """Whether this peer is new: never heard before, gone in between, or started anew."""
        before = None
        for member in list(self.live.values()):
            if member.report.boot == report.boot:
                before = member
            elif address in member.addresses:
                del self.live[member.address]
        if report.silence <= 0:
            self.live.pop(before.address if before else address, None)
            return False
        if before is None:
            self.live[address] = Member(address, frozenset({address}), report, now, now)
            return True
        addresses = before.addresses | {address}
        self.live[before.address] = Member(before.address, addresses, report, before.since, now)
        return False

    def of(self, report: Report) -> Member | None:
        """The one that this is of."""
        return next((each for each in self.live.values() if each.report.boot == report.boot), None)

    def forgive(self, seconds: float) -> None:
        """So long nobody was listened to: it counts as nobody's silence."""
        self.live = {
            address: replace(member, heard=member.heard + seconds) for address, member in self.live.items()
        }

    def expire(self, now: float) -> list[Member]:
        """Those that are gone by now, and are forgotten."""
        gone = [member for member in self.live.values() if member.ends <= now]
        for member in gone:
            del self.live[member.address]
        return gone

    def reports(self) -> Iterable[Report]:
        return [member.report for member in self.live.values()]
