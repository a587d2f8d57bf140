"""What follows a flip: the end of its transition, and the scans that make slots clear again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..flows import Flows, Seen, needs
from ..layout import RealState, SlotState
from ..maps import Maps
from ..slots import OWNER, STATE_SHIFT
from .health import CONSULT
from .state import Lines, Real, ServiceInMaps, State

_TABLES = ("tcp", "syn", "udp")


def end_transitions(maps: Maps, state: State, now_ns: int) -> int:
    """Slots whose transition is over become "consult", and first tables are dropped. How many tables ended.

    By now every active flow of a previous owner is stored. Waits for packets in flight, which may still
    store one, before it returns: a scan may begin, and the first tables' lines may be written again.
    """
    ended = [lines for lines in _live_tables(state) if lines.ends_ns is not None and lines.ends_ns <= now_ns]
    if not ended:
        return 0
    for lines in ended:
        words = maps.slots[lines.slots]
        turned = np.flatnonzero(words >> STATE_SHIFT == SlotState.TRANSITION)
        # Only the state's two bits change: the upper byte of each word.
        words[turned] = words[turned] & OWNER | int(SlotState.CONSULT) << STATE_SHIFT
        lines.ends_ns = None
    _drop_first_tables(maps, state, {id(lines) for lines in ended})
    maps.wait_grace()
    return len(ended)


def _drop_first_tables(maps: Maps, state: State, ended: set[int]) -> None:
    over = {key: s for key, s in state.services.items() if s.first and id(s.lines) in ended}
    base = (state.live - 1) * maps.capacity.positions4
    live = maps.services4[base : base + maps.capacity.positions4]["service"]
    places = np.flatnonzero(np.isin(live["id"], [s.id for s in over.values()]) & (live["first_size"] != 0))
    sizes = live["first_size"]
    for place in places:
        sizes[place] = 0
    for key, service in over.items():
        state.services[key] = replace(service, first=None)


class Scan:
    """One pass over the flow tables. `read` takes long and needs no lock; `begin` and `finish` must not run
    beside anything else that writes."""

    def __init__(self, maps: Maps, state: State, now_ns: int) -> None:
        """Begins: what is set from now on is not this scan's to clear."""
        self._maps, self._state, self._now_ns = maps, state, now_ns
        self._tables: list[tuple[str, Flows]] = []
        state.fresh.clear()

    def read(self) -> None:
        """Reads the flow tables, after packets in flight have stored what they were about to."""
        self._maps.wait_grace()
        self._tables = [(which, Flows(which, *self._maps.read_flows4(which))) for which in _TABLES]

    def finish(self, state: State) -> None:
        """Deletes idle entries, and clears what no entry needs. Of another generation than the scan began
        with nothing is touched: its slots lie elsewhere."""
        if state is not self._state:
            return
        maps, live = self._maps, []
        for which, flows in self._tables:
            idle = flows.idle(self._now_ns, state.lifetime_ns)
            # Between reading and this call a tuple that was idle for a whole lifetime may be used again, and
            # its new entry would go too; the kernel has no "delete if unchanged".
            if idle.any():
                maps.delete_flows4(which, flows.keys[idle])
            live.append(flows.without(idle))
        seen = needs(maps, state, live)
        _clear_slots(maps, state, seen)
        _clear_reals(maps, state, seen)
        _free_reals(maps, state, seen)


def _clear_slots(maps: Maps, state: State, seen: Seen) -> None:
    for lines in _live_tables(state):
        if lines.clear:
            continue
        words = maps.slots[lines.slots]
        states = words >> STATE_SHIFT
        done = np.flatnonzero((states == SlotState.CONSULT) & ~seen.slots[lines.slots])
        words[done] = words[done] & OWNER
        lines.clear = lines.ends_ns is None and not (words >> STATE_SHIFT).any()


def _clear_reals(maps: Maps, state: State, seen: Seen) -> None:
    states = maps.reals["state"]
    for index in np.flatnonzero((states & CONSULT != 0) & ~seen.owners):
        if int(index) not in state.fresh:
            states[index] = int(states[index]) & ~CONSULT


def _free_reals(maps: Maps, state: State, seen: Seen) -> None:
    """Reals that left the document, when neither a first table nor a flow refers to them any more."""
    freed: list[int] = []
    for key, service in list(state.services.items()):
        if service.first or service.lines.ends_ns is not None:
            continue
        gone = {a: r for a, r in service.reals.items() if not r.configured and r.id not in seen.real_ids}
        if gone:
            freed += [service.block.base + real.index for real in gone.values()]
            state.services[key] = _without(service, gone)
    for index in freed:
        maps.reals["state"][index] = int(RealState.ABSENT)
    if freed:
        maps.wait_grace()  # before a plan may give the indexes to others
        for name in ("link", "id", "ifindex", "addr"):  # `service` stays: it marks the block
            maps.reals[name][freed] = 0


def _without(service: ServiceInMaps, gone: dict[str, Real]) -> ServiceInMaps:
    return replace(service, reals={a: real for a, real in service.reals.items() if a not in gone})


def _live_tables(state: State) -> list[Lines]:
    return list({id(s.lines): s.lines for s in state.services.values()}.values())
