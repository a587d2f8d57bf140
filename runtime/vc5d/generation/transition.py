"""What follows a flip: the end of its transition, and the scans that make slots clear again.

Work that takes long is given out in steps, so that a change of health is never kept waiting: generators that
yield after each step, and a future to wait for where something runs elsewhere (upkeep.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np

from ..fleet.agreement import transition_end
from ..xdp.flows import Flows, Needs
from ..xdp.layout import RealState, SlotState
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before
from ..xdp.slots import OWNER, STATE_SHIFT
from .health import CONSULT
from .state import ALONE, FleetView, Lines, Real, ServiceInMaps, State

# A flow moves from the second to the first when its first packet without SYN comes: read in this order it is
# not missed in both.
_ORDER = tuple(f"flows{family}_{kind}" for family in (4, 6) for kind in ("syn", "tcp", "udp"))
CHUNK = 1 << 16  # slots of a step: some hundred microseconds
SLICE = 1 << 13  # flow entries that are read at once: less than a millisecond of Python at a stretch

Steps = Iterator[Future[Any] | None]  # None: go on whenever you like
Elsewhere = Callable[[Callable[[], None]], Future[Any]]  # runs a call, perhaps in another thread


def end_transitions(
    maps: Maps, state: State, now_ns: int, elsewhere: Elsewhere, fleet: FleetView = ALONE
) -> Steps:
    """Where a transition's clock has run out, first tables are dropped; when no peer has one any more, the
    slots become "consult". Must be carried to its end before the next plan is made.

    By now every active flow of a previous owner is stored. First tables go first: a slot that is found in
    transition without one, also after a restart, has its flows where the entries or the present table say.
    Waits at last for packets in flight, which may still store an entry: then a scan may begin, and the first
    tables' lines may be written again.
    """
    _hold(state, now_ns, fleet)
    ended = [lines for lines in live_tables(state) if lines.ends_ns is not None and lines.ends_ns <= now_ns]
    if ended:
        _drop_first_tables(maps, state, {id(lines) for lines in ended})
        stores_before()
        for lines in ended:
            lines.ends_ns, lines.settling = None, True
        yield None
    turning = [lines for lines in live_tables(state) if lines.settling] if fleet.settled else []
    for lines in turning:
        for words in _chunks(maps, lines):
            turned = np.flatnonzero(words >> STATE_SHIFT == SlotState.TRANSITION)
            # Only the state's two bits change: the upper byte of each word.
            words[turned] = words[turned] & OWNER | int(SlotState.CONSULT) << STATE_SHIFT
            yield None
        lines.settling = False
    if ended or turning:
        yield elsewhere(maps.wait_grace)


def _hold(state: State, now_ns: int, fleet: FleetView) -> None:
    for lines in live_tables(state):
        if lines.ends_ns is not None:
            lines.ends_ns = transition_end(lines.ends_ns, lines.lasts_ns, now_ns, all_agree=fleet.agreed)


def _drop_first_tables(maps: Maps, state: State, ended: set[int]) -> None:
    over = {key: s for key, s in state.services.items() if s.first and id(s.lines) in ended}
    ids = [service.id for service in over.values()]
    for family in (4, 6):
        base = (state.live - 1) * maps.positions(family)
        live = maps.services(family)[base : base + maps.positions(family)]["service"]
        sizes = live["first_size"]
        for place in np.flatnonzero(np.isin(live["id"], ids) & (sizes != 0)):
            sizes[place] = 0
    for key, service in over.items():
        state.services[key] = replace(service, first=None)


class Scan:
    """One pass over the flow tables. `read` takes long and may run in another thread, beside changes of
    health; the rest must not run beside anything else that writes."""

    def __init__(self, maps: Maps, state: State, now_ns: int) -> None:
        """Begins: what is set from now on is not this scan's to clear."""
        self._maps, self._state, self._now_ns = maps, state, now_ns
        self._lifetime_ns = state.lifetime_ns
        self._void = False
        self.entries: dict[str, int] = {}  # of each flow table, without idle ones
        state.fresh.clear()

    def abandon(self) -> None:
        """Lets `read` end soon; from any thread."""
        self._void = True

    def read(self) -> None:
        """Reads the flow tables, after packets in flight have stored what they were about to, and deletes
        idle entries on the way. Between reading a slice and this a tuple that was idle for a whole lifetime
        may be used again, and its new entry would go too; the kernel has no "delete if unchanged"."""
        self._maps.wait_grace()
        self._needs = Needs(self._maps, self._state)
        for name in _ORDER:
            table = self._maps.tables[name]
            self.entries[name] = 0
            for keys, values in table.slices(SLICE):
                if self._void:
                    return
                flows = Flows(name, keys, values)
                idle = flows.idle(self._now_ns, self._lifetime_ns)
                if idle.any():
                    table.delete(keys[idle])
                self._needs.add(flows.without(idle))
                self.entries[name] += len(keys) - int(idle.sum())

    def finish(self, state: State, elsewhere: Elsewhere) -> Steps:
        """Clears what no entry needs. Of another generation than the scan began with nothing is touched: its
        slots lie elsewhere. Must be carried to its end before the next plan is made."""
        if state is not self._state or self._void:
            return
        yield from self._clear_slots()
        self._clear_reals()
        yield None
        yield from self._free_reals(elsewhere)

    def _clear_slots(self) -> Steps:
        for lines in live_tables(self._state):
            if lines.clear:
                continue
            states = 0
            for words, needed in zip(
                _chunks(self._maps, lines), _parts(self._needs.slots[lines.slots]), strict=True
            ):
                done = np.flatnonzero((words >> STATE_SHIFT == SlotState.CONSULT) & ~needed)
                words[done] = words[done] & OWNER
                states |= int(np.bitwise_or.reduce(words)) >> STATE_SHIFT
                yield None
            lines.clear = lines.ends_ns is None and not lines.settling and not states

    def _clear_reals(self) -> None:
        states = self._maps.reals["state"]
        for index in np.flatnonzero((states & CONSULT != 0) & ~self._needs.owners):
            if int(index) not in self._state.fresh:
                states[index] = int(states[index]) & ~CONSULT

    def _free_reals(self, elsewhere: Elsewhere) -> Steps:
        """Reals that left the document, when neither a first table nor a flow refers to them any more."""
        reals, freed = self._maps.reals, list[int]()
        for key, service in list(self._state.services.items()):
            if service.first or service.lines.ends_ns is not None:
                continue
            gone = {
                address: real
                for address, real in service.reals.items()
                if not real.configured and real.id not in self._needs.real_ids
            }
            if gone:
                freed += [service.block.base + real.index for real in gone.values()]
                self._state.services[key] = _without(service, gone)
        for index in freed:
            reals["state"][index] = int(RealState.ABSENT)
        if freed:
            yield elsewhere(self._maps.wait_grace)  # before a plan may give the indexes to others
            # `service` stays: it marks the block.
            for name in ("link", "id", "ifindex", "addr", "load", "tunnel"):
                reals[name][freed] = 0


def live_tables(state: State) -> list[Lines]:
    """Each once, without those from before a transition."""
    return list({id(s.lines): s.lines for s in state.services.values()}.values())


def _without(service: ServiceInMaps, gone: dict[str, Real]) -> ServiceInMaps:
    return replace(service, reals={a: real for a, real in service.reals.items() if a not in gone})


def _chunks(maps: Maps, lines: Lines) -> list[Any]:
    return _parts(maps.slots[lines.slots])


def _parts(array: Any) -> list[Any]:
    return [array[start : start + CHUNK] for start in range(0, len(array), CHUNK)]
