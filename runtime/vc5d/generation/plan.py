"""What it takes to make a document live: old state + document -> Plan. Nothing is written here.

A plan's `after` is the state once its flip has happened. Whatever was in use before stays reserved while the
plan is made, since packets read it until the flip; what `after` no longer mentions is thereby free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..document import Document, Neighbor, Service, ServiceKey
from ..document.index import index_of
from ..errors import Vc5Error
from ..loop.courtesy import giving_way
from ..xdp.layout import ServiceFlags
from ..xdp.maps import Capacity
from .arena import Arena, ArenaFull
from .blocking import check_room
from .capacity import block_capacity
from .state import Block, Real, ServiceInMaps, State, lines_of, real_id
from .tables import LinesFull, TablePlanner, WriteTable

_TRACK = {"needed": 0, "full": int(ServiceFlags.TRACK_FULL), "minimal": int(ServiceFlags.TRACK_MINIMAL)}
_LEASTCONN = int(
    ServiceFlags.LEASTCONN | ServiceFlags.TRACK_FULL
)  # the table alone cannot find such a flow again

_AT_ONCE = 1000  # of what is looked at for a moment each


class Outgrown(Vc5Error):
    """The document does not fit the maps; bigger ones would hold it."""


@dataclass(frozen=True)
class NewReal:
    """An entry to write: `index` into `reals`, the service's id."""

    key: ServiceKey
    address: str
    index: int
    id: int
    service: int


@dataclass(frozen=True)
class Move:
    """A service's block that was outgrown."""

    key: ServiceKey
    before: Block
    after: Block


@dataclass
class Plan:
    """Everything to write, in no order (that is fill.py's). Indexes into `reals` are of the map.

    returning: reals of the document that still drained, by their entry before the flip. leaving: reals that
    the document no longer has, by their entry after it. retired: blocks that the flip leaves unused.
    """

    document: Document
    after: State
    new_blocks: list[tuple[int, Block]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    new_reals: list[NewReal] = field(default_factory=list)
    returning: list[int] = field(default_factory=list)
    leaving: dict[ServiceKey, list[int]] = field(default_factory=dict)
    tables: list[WriteTable] = field(default_factory=list)
    tables_kept: int = 0
    retired: list[Block] = field(default_factory=list)
    retired_ids: list[int] = field(default_factory=list)
    new_services: int = 0


def make_plan(
    old: State,
    document: Document,
    capacity: Capacity,
    slots: npt.NDArray[np.uint16],
    applied: Document | None = None,
) -> Plan:
    """The plan from `old` to `document`. `slots`: the whole flat arena, only read. `applied`: the document
    that `old` was made by, if this process has it: what is the very same object there is not looked at.

    Raises Outgrown when the maps are too small, Vc5Error for what this version cannot do.
    """
    _refuse_mixed(document, applied)
    check_room(document.blocked)
    _check_sizes(document, capacity)
    after = State(
        live=2 if old.live == 1 else 1,
        number=old.number + 1,
        digest=document.digest,
        seed=document.seed,
        lifetime_ns=round(document.flow_lifetime * 1e9),
        links=_links(old, document.neighbors),
        routes=dict(old.routes),
        up=old.up & set(document.vips),
        host_vlans=old.host_vlans,
    )
    plan = Plan(document, after)
    blocks = Arena(capacity.reals, old.used_reals())
    used_ids = {service.id for service in old.services.values()}
    ids = (number for number in range(1, capacity.services) if number not in used_ids)
    planner = TablePlanner(old, document, capacity.slots_lines, slots)
    try:
        for key, service in giving_way(document.services.items()):
            before = old.services.get(key)
            if before and _is_same(service, document, applied) and (kept := planner.keep(service, before)):
                after.services[key] = kept
                continue
            number = before.id if before else next(ids, None)
            if number is None:
                raise _outgrown("service_states", len(document.services) + len(used_ids), capacity.services)
            placed = _place(plan, service, before, number, blocks)
            lines, first = planner.place(service, before, placed.reals)
            after.services[key] = ServiceInMaps(
                number, _flags(service), placed.block, placed.reals, lines, first
            )
    except LinesFull as full:
        message = (
            f"a table of {full.wanted} lines does not fit into {full.free} free of {capacity.slots_lines}"
        )
        raise Outgrown(f"the map slots is too small for the document: {message}") from None
    except ArenaFull as full:
        raise _too_many_reals(document, full, capacity) from None
    plan.tables, plan.tables_kept = planner.writes, planner.kept
    for key, service_before in old.services.items():
        if key not in document.services:
            plan.retired.append(service_before.block)
            plan.retired_ids.append(service_before.id)
    return plan


def _is_same(service: Service, document: Document, applied: Document | None) -> bool:
    """The very objects, also its table."""
    if applied is None or applied.services.get(service.key) is not service:
        return False
    return applied.tables.get(service.table) is document.tables[service.table]


def _flags(service: Service) -> int:
    flags = _LEASTCONN if service.leastconn else _TRACK[service.track]
    return flags | int(ServiceFlags.STICKY) if service.sticky else flags


@dataclass(frozen=True)
class _Placed:
    block: Block
    reals: Mapping[str, Real]


def _place(plan: Plan, service: Service, before: ServiceInMaps | None, number: int, blocks: Arena) -> _Placed:
    """The service's reals in their block: those that were there keep their index, also while they drain."""
    known = before.reals if before else {}
    count = len(known.keys() | service.reals.keys())
    if before and count <= before.block.capacity:
        block = before.block
    else:
        capacity = block_capacity(count)
        block = Block(blocks.take(capacity, align=capacity), capacity)
        plan.new_blocks.append((number, block))
        if before:
            plan.moves.append(Move(service.key, before.block, block))
            plan.retired.append(before.block)
    plan.new_services += before is None

    reals = dict(known)  # what is said of each takes long: of most of them nothing is
    for address in [address for address, real in known.items() if not real.configured]:
        if before and address in service.reals:
            plan.returning.append(before.block.base + known[address].index)
            reals[address] = replace(known[address], configured=True)
    for address in sorted(known.keys() - service.reals.keys()):
        if known[address].configured:
            plan.leaving.setdefault(service.key, []).append(block.base + known[address].index)
            reals[address] = replace(known[address], configured=False)
    if known.keys() >= service.reals.keys():
        return _Placed(block, reals)
    taken = {real.index for real in known.values()}
    free = (index for index in range(block.capacity) if index not in taken)
    for address in _in_table_order(service, plan.document):
        if address not in known:
            real = Real(next(free), real_id(service.key, address), configured=True)
            reals[address] = real
            plan.new_reals.append(NewReal(service.key, address, block.base + real.index, real.id, number))
    return _Placed(block, reals)


def _in_table_order(service: Service, document: Document) -> Sequence[str]:
    """The table's order, so that services with equal tables get equal indexes and can share lines."""
    return document.tables[service.table].reals


def _links(old: State, neighbors: Mapping[str, Neighbor]) -> dict[str, tuple[int, int]]:
    """What is known of each real's link: the document's MAC where it gives one, else what was learned. Also
    of reals that left and drain: one that returns has packets all the while."""
    held = set[str]().union(*(service.reals for service in giving_way(old.services.values(), _AT_ONCE)))
    known = giving_way(old.links.items(), _AT_ONCE)
    links = {address: link for address, link in known if address in held}
    for address, neighbor in giving_way(neighbors.items(), _AT_ONCE):
        link, ifindex = old.links.get(address, (0, 0))
        if neighbor.mac is not None:
            link = link_word(neighbor.mac, neighbor.vlan or 0)
        links[address] = (link, ifindex)
    return links


def link_word(mac: str | None, vlan: int) -> int:
    """struct real's `link`: bytes 0-5 the MAC, bytes 6-7 the VLAN id in network order; 0 without a MAC."""
    if mac is None:
        return 0
    return int.from_bytes(bytes.fromhex(mac.replace(":", "")) + vlan.to_bytes(2, "big"), "little")


def _refuse_mixed(document: Document, applied: Document | None) -> None:
    for key, service in giving_way(document.services.items(), _AT_ONCE):
        if service.away or (applied and applied.services.get(key) is service):
            continue
        if other := [address for address in service.reals if (":" in address) != (key.family == 6)]:
            raise Vc5Error(
                f"the real {other[0]} of the service {key} is of the other address family",
                f"give the real by an IPv{key.family} address, or the service a tunnel",
            )


def _check_sizes(document: Document, capacity: Capacity) -> None:
    lines = 0
    for family, room in ((4, capacity.positions4), (6, capacity.positions6)):
        index = index_of(document, family)
        if index.size > room:
            raise _outgrown(f"services{family}", index.size, room)
        lines += lines_of(index.buckets)
    if lines > capacity.displacement_lines:
        raise _outgrown("displacements", lines, capacity.displacement_lines)


def _too_many_reals(document: Document, full: ArenaFull, capacity: Capacity) -> Vc5Error:
    blocks = sum(block_capacity(len(service.reals)) for service in document.services.values())
    message = (
        f"{blocks} entries in blocks, {full.wanted} of them now, of {capacity.reals}; {full.free} are free"
    )
    return Outgrown(f"the map reals is too small for the document: {message}")


def _outgrown(name: str, needed: int, room: int) -> Outgrown:
    return Outgrown(f"the map {name} is too small for the document: {needed} entries needed, it has {room}")
