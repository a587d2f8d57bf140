"""Taking the most loaded real out (docs/configuration.md, `overload`): it takes no new flows until it has
come down again. Every load balancer decides for itself, by loads that are the fleet's, and so alike."""

from __future__ import annotations

from collections.abc import Mapping

FEWEST = 3  # reals: of fewer none can be spared
QUIET = 10.0  # sessions for a weight of 1: below that an average says nothing


def most_loaded(loads: Mapping[str, float], out: str | None, overload: float, need: int) -> str | None:
    """The real to be out. loads: sessions for its weight, of each real that may accept. out: the one that is
    so far: it stays until it is less than half as far above the average. overload: in percent above it. need:
    reals that must accept."""
    if len(loads) < max(FEWEST, need + 1):
        return None
    average = sum(loads.values()) / len(loads)
    if average < QUIET:
        return None
    if out is not None and loads.get(out, 0.0) > average * (1 + overload / 200):
        return out
    highest = max(loads, key=lambda real: (loads[real], real))
    return highest if loads[highest] > average * (1 + overload / 100) else None
