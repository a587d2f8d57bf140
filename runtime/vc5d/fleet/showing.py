"""The fleet as this load balancer sees it, for the status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .agreement import documents

if TYPE_CHECKING:
    from .fleet import Fleet
    from .names import Names

MOST = 1000  # names of held or kept reals


@dataclass(frozen=True)
class Mine:
    """Of this load balancer. name: its host's. alive: as in its report."""

    name: str
    alive: frozenset[int]


def shown(fleet: Fleet, names: Names, mine: Mine, now: float) -> dict[str, Any]:
    """Ages in seconds."""
    members = sorted(fleet.members.live.values(), key=lambda member: (member.report.name, member.address))
    digest = fleet.roster.digest
    return {
        "name": mine.name,
        "learned": fleet.learning.learned,
        "learned_why": fleet.learning.why,
        "learning_left": round(fleet.learning.left(now), 1),
        "agreed": fleet.agreed,
        "settled": fleet.settled(now),
        "documents": documents(digest, fleet.members.reports()),
        "held": _listed(fleet.held, names),
        "kept": _listed(fleet.kept - mine.alive, names),
        "peers": [
            {
                "address": member.address,
                "name": member.report.name,
                "digest": member.report.digest,
                "agrees": member.report.digest == digest,
                "learning": member.report.learning,
                "moving": member.report.moving,
                "alive": len(member.report.alive),
                "heard": round(now - member.heard, 1),
                "since": round(now - member.since, 1),
            }
            for member in members
        ],
    }


def _listed(ids: frozenset[int], names: Names) -> list[dict[str, str]]:
    found = sorted((str(key), real) for key, real in names.named(ids))[:MOST]
    return [{"service": key, "real": real} for key, real in found]
