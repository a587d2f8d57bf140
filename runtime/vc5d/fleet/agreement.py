"""When a transition ends in a fleet (docs/sharing.md, rule 5), and which documents the fleet has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from .report import Report

Time = TypeVar("Time", int, float)


def agreed(digest: str, peers: Iterable[Report]) -> bool:
    """Every live peer has this document. One that has another makes flows that its table alone knows."""
    return all(peer.digest == digest for peer in peers)


def settled(peers: Iterable[Report]) -> bool:
    """No live peer takes a flow that it does not know for one of a previous owner."""
    return not any(peer.moving for peer in peers)


def transition_end(ends: Time, lifetime: Time, now: Time, *, all_agree: bool) -> Time:
    """When the clock runs out, of a transition that would end at `ends`; in any unit."""
    return ends if all_agree else max(ends, now + lifetime)


def documents(digest: str, peers: Iterable[Report]) -> dict[str, int]:
    """How many load balancers, this one among them, have each document."""
    counts = {digest: 1}
    for peer in peers:
        counts[peer.digest] = counts.get(peer.digest, 0) + 1
    return counts
