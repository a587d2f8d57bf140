"""What one CPU may do in a second: so that no flood turns a flow table over, and echo requests stay cheap."""

from __future__ import annotations

import os

from ..errors import Vc5Error
from ..xdp.maps import Capacity, Maps

# A half-open flow must be remembered until its client's first packet without SYN: a round trip, and another
# second if the SYN had to be sent again. The smallest table, theirs, is full after this time at the soonest;
# the others, four times as big, keep what is new four times as long, and what is used longer than that: they
# are LRU.
TURNOVER = 4  # s
TOO_BIGS = (
    1000  # a second and CPU, of packets too big for a tunnel: a client hears it once, and sends smaller ones
)
ECHOES = 1000  # a second and CPU: nobody pings more, and it is no more than a millisecond's work
_MOST = (1 << 32) - 1


def default_inserts(capacity: Capacity) -> int:
    """Entries that a CPU may store in a second in each table."""
    return max(1, capacity.max_entries()["flows4_syn"] // ((os.cpu_count() or 1) * TURNOVER))


def set_limits(maps: Maps, inserts: int | None, echoes: int) -> None:
    """Each by one store. `inserts` 0: no limit; None: what the tables' sizes suggest. `echoes` 0: none is
    answered."""
    inserts = default_inserts(maps.capacity) if inserts is None else inserts
    if not (0 <= inserts <= _MOST and 0 <= echoes <= _MOST):
        raise Vc5Error(f"limits of {inserts} entries and {echoes} echoes a second", f"0 … {_MOST} can be")
    maps.control["inserts"][0] = inserts
    maps.control["echoes"][0] = echoes
    maps.control["too_bigs"][0] = TOO_BIGS
