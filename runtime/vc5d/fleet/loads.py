"""Sessions of reals in the whole fleet (docs/sharing.md, rule 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .report import Report


def summed(mine: Mapping[int, int], peers: Iterable[Report]) -> dict[int, int]:
    """This load balancer's and what live peers reported last, by real."""
    total = dict(mine)
    for peer in peers:
        for real, sessions in peer.loads.items():
            total[real] = total.get(real, 0) + sessions
    return total
