"""Which reals peers say are alive (docs/sharing.md, rule 3)."""

from __future__ import annotations

from collections.abc import Iterable

from .report import Report


def kept(peers: Iterable[Report]) -> frozenset[int]:
    """Reals that are not down for established flows, whatever this load balancer's own checks say. Peers
    that agree share one set, mostly: it is looked through once."""
    return frozenset().union(*{id(peer.alive): peer.alive for peer in peers}.values())
