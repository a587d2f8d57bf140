"""The states of reals, and the published list of accepting reals that follows them.

Every store here is seen by packets at once, and is one aligned store: a byte of state, a 16-bit element of
a list, the 64-bit word that publishes a list.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..xdp.layout import RealState
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before
from ..xdp.slots import SLOTS_PER_LINE
from .state import ServiceInMaps, State

STATE = int(RealState.STATE_MASK)
CONSULT = int(RealState.CONSULT)
ACCEPTING = int(RealState.ACCEPTING)


def set_state(maps: Maps, state: State, service: ServiceInMaps, index: int, new: RealState) -> bool:
    """Gives a real (`index` into `reals`) a state; whether it had another before.

    One that starts to accept again may find flows of its slots elsewhere, so its consult bit is set, in the
    same store, until a scan finds that no flow needs it.
    """
    states = maps.reals["state"]
    before = int(states[index])
    if before & STATE == new:
        return False
    consult = before & CONSULT
    if new == ACCEPTING:
        consult = CONSULT
        state.fresh.add(index)
    states[index] = int(new) | consult
    publish(maps, service)
    return True


def consult(maps: Maps, state: State, indexes: npt.NDArray[np.uint32]) -> None:
    """Sets the consult bits of these reals, until a scan finds that no flow needs them. The flows are in the
    flow tables already: so a scan that begins after this finds them."""
    states = maps.reals["state"]
    there = indexes[indexes < len(states)]
    there = there[states[there] & STATE != RealState.ABSENT]
    state.fresh.update(there.tolist())
    states[there] = states[there] | CONSULT


def publish(maps: Maps, service: ServiceInMaps) -> None:
    """Publishes the service's accepting reals, in the one of its two lists that is not published now.

    A packet may still read the list that is overwritten, however fast changes follow each other. That is
    safe without waiting: the block, and so the lists' place, only changes with a generation; an element is
    read by one load, and is either from the list that the packet was promised or from a newer one. Both
    name a real of this service that accepted a moment ago. And the count that it was promised never
    reaches beyond what was written before that count was published.
    """
    states = maps.reals["state"][service.block.entries]
    members = ((states & STATE) == ACCEPTING).nonzero()[0]
    words = maps.service_states["accepting"]
    current = int(words[service.id]) >> 16
    line = service.block.list_line(1 if current == service.block.list_line(0) else 0)
    start = line * SLOTS_PER_LINE
    maps.accepting[start : start + len(members)] = members
    stores_before()
    words[service.id] = line << 16 | len(members)
