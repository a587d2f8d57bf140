"""Maps found pinned -> state, so that a restarted vc5d goes on where the last one ended, however it ended.

Everything is read from the live generation and what hangs off it. What only a generation used that never went
live, or that is live no more, is cleared. What the maps cannot say: when a transition ends (its clock starts
again: too late is safe, too early is not), and which document a table came from (plan.py compares content).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..document import ServiceKey
from ..document.model import PROTOCOLS
from ..errors import Vc5Error
from ..xdp.layout import REAL, RealState, ServiceFlags, SlotState
from ..xdp.maps import Maps
from ..xdp.slots import OWNER, STATE_SHIFT
from .away import is_away
from .bits import host_vlans
from .health import CONSULT, STATE, publish
from .packing import unpacked
from .state import MAX_BLOCK, Block, First, Lines, Real, ServiceInMaps, State, lines_of
from .vips import address_of, up_in

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}


def adopt(maps: Maps, now_ns: int) -> State:
    """The state that the maps hold; they are left consistent. Raises Vc5Error when they contradict
    themselves, which no kill can bring about."""
    maps.wait_grace()  # of a predecessor that was killed before its own
    live = int(maps.control["live"][0])
    if live not in (1, 2):
        maps.reals[:] = np.zeros((), REAL)
        maps.service_states["accepting"][:] = 0
        return State()
    generation = maps.control["generation"][0, live - 1]
    state = State(
        live=live,
        number=1,
        digest="sha256:" + bytes(generation["digest"]).hex(),
        seed=int(generation["seed"]),
        lifetime_ns=int(generation["flow_lifetime_ns"]),
        host_vlans=host_vlans(generation["vlans"]),
    )
    tables = _Tables(maps, now_ns, state.lifetime_ns)
    for family in (4, 6):
        half = _live_half(maps, generation, family)
        state.up |= up_in(half)
        served = (half["service"]["id"] != 0) & (half["service"]["flags"] & int(ServiceFlags.VIP) == 0)
        for record in half[served]:
            key, service = _service(maps, record, tables)
            state.services[key] = service
    _clear_the_rest(maps, state)
    _learn_links(maps, state)
    for service in state.services.values():
        _drain_leaving(maps, service)
        publish(maps, service)
    return state


class _Tables:
    """Lines by their place, so that services which share lines share the object too."""

    def __init__(self, maps: Maps, now_ns: int, lifetime_ns: int) -> None:
        self._maps, self._ends_ns, self._lifetime_ns = maps, now_ns + lifetime_ns, lifetime_ns
        self._known: dict[tuple[int, int], Lines] = {}

    def at(self, line: int, size: int) -> Lines:
        if (line, size) not in self._known:
            lines = Lines(line, size, lasts_ns=self._lifetime_ns)
            if size < 1 or line + lines_of(size) > self._maps.capacity.slots_lines:
                raise _contradiction(f"a table at line {line} with {size} slots is outside of the map")
            states = self._maps.slots[lines.slots] >> STATE_SHIFT
            lines.clear = not states.any()
            lines.ends_ns = self._ends_ns if (states == SlotState.TRANSITION).any() else None
            self._known[line, size] = lines
        return self._known[line, size]

    def in_transition(self, lines: Lines) -> None:
        """A service has a first table beside `lines`."""
        lines.ends_ns = self._ends_ns


def _live_half(maps: Maps, generation: Any, family: int) -> Any:
    index, records = generation[f"index{family}"], maps.services(family)
    base, size = int(index["services_base"]), int(index["size"])
    if base + size > len(records):
        raise _contradiction(f"the live index of IPv{family} lies outside of the map")
    return records[base : base + size]


def _service(maps: Maps, record: Any, tables: _Tables) -> tuple[ServiceKey, ServiceInMaps]:
    raw, service = record["key"], record["service"]
    protocol = _PROTOCOL_NAMES.get(int(raw["protocol"]))
    if protocol is None:
        raise _contradiction(f"a service has the protocol {raw['protocol']}")
    key = ServiceKey(address_of(raw), int(raw["port_be"]), protocol)
    lines = tables.at(int(service["slots_line"]), int(service["table_size"]))
    first = None
    if service["first_size"]:
        table = tables.at(int(service["first_line"]), int(service["first_size"]))
        sticky = bool(int(service["first_flags"]) & int(ServiceFlags.STICKY))
        first = First(table, int(service["first_seed"]), sticky)
        tables.in_transition(lines)
    number = int(service["id"])
    block = _block(maps, int(service["reals_base"]), number, str(key))
    reals = _reals(maps, block, lines)
    return key, ServiceInMaps(number, int(service["flags"]), block, reals, lines, first)


def _block(maps: Maps, base: int, number: int, name: str) -> Block:
    """Every entry of a block names its service, and a block's capacity divides its base: so its end is
    found even where the service's next block, never gone live, follows at once."""
    most = min(base & -base, MAX_BLOCK)
    strangers = np.flatnonzero(maps.reals["service"][base : base + most] != number)
    capacity = int(strangers[0]) if len(strangers) else min(most, len(maps.reals) - base)
    if base == 0 or capacity < 1:
        raise _contradiction(f"the block of reals of {name} at {base} is not its own")
    return Block(base, 1 << (capacity.bit_length() - 1))


def _reals(maps: Maps, block: Block, lines: Lines) -> Mapping[str, Real]:
    """Those with slots are configured; the others left the document, or never came to be in it."""
    entries = maps.reals[block.entries]
    owners = set(np.unique(maps.slots[lines.slots] & OWNER).tolist())
    reals = {}
    ids, raw = entries["id"].tolist(), entries["addr"].tobytes()
    for index in np.flatnonzero(entries["state"] & STATE != RealState.ABSENT).tolist():
        address = unpacked(raw[16 * index : 16 * index + 16])
        reals[address] = Real(index, ids[index], index in owners)
    return reals


def _clear_the_rest(maps: Maps, state: State) -> None:
    """Blocks of no live service, and entries of live ones that are no real."""
    free = np.ones(len(maps.reals), np.bool_)
    for service in state.services.values():
        free[service.block.entries] = False
    free &= maps.reals["service"] != 0
    maps.reals[free] = np.zeros((), REAL)
    ids = np.ones(len(maps.service_states), np.bool_)
    ids[[service.id for service in state.services.values()]] = False
    maps.service_states["accepting"][ids] = 0


def _learn_links(maps: Maps, state: State) -> None:
    for service in state.services.values():
        entries = maps.reals[service.block.entries]
        links, ifindexes = entries["link"].tolist(), entries["ifindex"].tolist()
        for address, real in service.reals.items():
            if is_away(maps, service.block.base + real.index):
                continue  # its route is asked for again
            if links[real.index] or address not in state.links:
                state.links[address] = (links[real.index], ifindexes[real.index])


def _drain_leaving(maps: Maps, service: ServiceInMaps) -> None:
    """Killed between the flip and this store, the last vc5d left them accepting."""
    states = maps.reals["state"]
    for real in service.reals.values():
        index = service.block.base + real.index
        if not real.configured and int(states[index]) & STATE == RealState.ACCEPTING:
            states[index] = int(RealState.DRAINING) | int(states[index]) & CONSULT


def _contradiction(what: str) -> Vc5Error:
    return Vc5Error(
        f"the pinned maps contradict themselves: {what}",
        "`vc5d --uninstall` removes them; the next start loads new ones, and forwarding stops meanwhile",
    )
