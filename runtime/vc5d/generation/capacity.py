"""How big the maps are made: chosen once, when the object is loaded, from the document at hand.

Array maps cost their whole size at once (64 bytes a line, a real, a service position), so the headroom is
what one more doubling of the document needs. A document that outgrows it gets new maps (dataplane.py).
"""

from __future__ import annotations

from dataclasses import astuple

from ..document import Document
from ..errors import Vc5Error
from ..xdp.maps import Capacity
from .state import MAX_BLOCK, MIN_BLOCK, State, lines_of

HEADROOM = 2  # of everything that grows with the number of services
# What a small document gets: room to grow a hundredfold for 9 MB in all.
FLOOR_POSITIONS = 1 << 10  # of each family
FLOOR_DISPLACEMENT_LINES = 1 << 5
FLOOR_LINES = 1 << 16
FLOOR_REALS = 1 << 14
FLOOR_SERVICES = 1 << 10
# Tables: a flip needs every changed table beside the live one, and a flip inside a transition beside that the
# transition's first. Services with equal tables share lines, but after different histories they cannot, so
# each counts with its own three copies as long as that stays below 64 MB; beyond, twice the document's tables
# (doubled for a flip).
OWN_COPIES = 3
OWN_COPIES_LINES = 1 << 20
SHARED_COPIES = 4
# Flows that the tables cannot answer for: those of slots in transition, of failed or draining reals. About
# 100 bytes each, allocated at once; established TCP flows of one family alone are counted here.
FLOWS = 1 << 18


def block_capacity(reals: int) -> int:
    """Entries for a service's block: room for half as many reals again, so that a few additions and the reals
    that drain after a removal do not move the block. A power of two (state.Block)."""
    wanted = max(MIN_BLOCK, reals + (reals + 1) // 2)
    capacity = 1 << (wanted - 1).bit_length()
    if reals > MAX_BLOCK:
        raise Vc5Error(
            f"a service has {reals} reals, with those that still drain; {MAX_BLOCK} are the most",
            "wait one flow lifetime after removing reals, or split the service",
        )
    return min(capacity, MAX_BLOCK)


def choose_capacity(
    document: Document, outgrown: Capacity | None = None, state: State | None = None
) -> Capacity:
    """Sizes for maps that hold `document` and its growth; and, in place of maps that are `outgrown`, also the
    live `state` beside it until the flip, at the places that it has."""
    services = list(document.services.values())
    shared = sum(lines_of(document.tables[name].size) for name in {s.table for s in services})
    own = sum(lines_of(document.tables[s.table].size) for s in services)
    lines = max(FLOOR_LINES, SHARED_COPIES * shared, min(OWN_COPIES * own, OWN_COPIES_LINES))
    blocks = sum(block_capacity(len(s.reals)) for s in services)
    if state:
        blocks += 2 * sum(capacity for _, capacity in state.used_reals())  # a block may have to double
        services_now = len(services) + len(state.services)
        lines += sum(length for _, length in state.used_lines())
    else:
        services_now = len(services)
    displacement_lines = lines_of(document.index4.buckets) + lines_of(document.index6.buckets)
    reals = _power(max(FLOOR_REALS, HEADROOM * blocks))
    chosen = Capacity(
        positions4=max(FLOOR_POSITIONS, HEADROOM * document.index4.size),
        positions6=max(FLOOR_POSITIONS, HEADROOM * document.index6.size),
        displacement_lines=max(FLOOR_DISPLACEMENT_LINES, HEADROOM * displacement_lines),
        slots_lines=lines,
        reals=reals,
        services=max(FLOOR_SERVICES, HEADROOM * services_now),
        accepting_lines=reals // MIN_BLOCK * 2,
        flows=FLOWS,
    )
    if outgrown is None:
        return chosen
    return Capacity(*map(max, astuple(chosen), astuple(outgrown)))


def _power(number: int) -> int:
    return 1 << (number - 1).bit_length()
