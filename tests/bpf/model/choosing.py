"""Which real a new flow gets: probes of the table, then the published list."""

from __future__ import annotations

from .hashes import probe, scaled
from .state import ACCEPTING, Service

LAST_PROBE, LIST_PROBE = 8, 9


def choose(service: Service, h: int) -> int | None:
    """An index into the service's reals; None: none accepts."""
    found: list[int] = []
    for n in range(LAST_PROBE + 1):
        index = service.table[scaled(probe(h, n), len(service.table))]
        if service.reals[index].state == ACCEPTING and index not in found:
            found.append(index)
            if not service.leastconn or len(found) == 2:
                break
    if found:
        return min(found, key=lambda index: service.reals[index].load)
    accepting = service.published()
    return accepting[scaled(probe(h, LIST_PROBE), len(accepting))] if accepting else None
