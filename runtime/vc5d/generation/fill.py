"""Carries out a plan: everything that a reader needs, then the one word that makes it reachable.

The order is the whole point. Until `control.live` is stored no packet can reach what is written here, except
by words that are right in both generations. `steps` is a generator so that a test can stop it anywhere, as a
kill would: adopt.py must find the old or the new generation whole.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..document import Document, IndexKey, ServiceKey
from ..document.index import index_of, keys_of, positions
from ..xdp.layout import GENERATION, REAL, GenerationFlags, RealState, ServiceFlags, SlotState, Vc5Layout
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before
from ..xdp.slots import OWNER, SLOTS_PER_LINE, STATE_SHIFT
from .away import Route, Way, is_away, same_tunnel, way, write_way
from .bits import vip_filter, vlan_bitmap
from .health import CONSULT, STATE, publish
from .packing import packed
from .plan import Plan
from .state import Block, ServiceInMaps, State, lines_of
from .tables import WriteTable

FLIP = "flip"  # the step after which the new generation is live
TRANSITION = int(SlotState.TRANSITION) << STATE_SHIFT
READ_FIRST = 1000  # counters: from so many on, reading all of them is faster than setting each
_ANY_PORT = {4: GenerationFlags.ANY_PORT4, 6: GenerationFlags.ANY_PORT6}


def steps(maps: Maps, old: State, plan: Plan, clock: Callable[[], int]) -> Iterator[str]:
    """Writes the plan, flips, waits until no packet sees the old generation, and frees what only that used.

    Yields the name of each step after it. `clock`: CLOCK_MONOTONIC, nanoseconds.
    """
    _write_returning(maps, plan)
    yield "returning reals"
    _write_blocks(maps, plan)
    yield "blocks"
    _write_reals(maps, plan)
    yield "reals"
    for write in plan.tables:
        _write_table(maps, write)
        yield "table"
    _publish_lists(maps, old, plan)
    yield "accepting lists"
    _write_index(maps, plan.document, plan.after)
    yield "index"
    _write_generation(maps, plan.document, plan.after)
    yield "generation"

    stores_before()
    maps.control["live"][0] = plan.after.live
    yield FLIP

    start_clocks(plan, old, clock)
    yield from _drain_leaving(maps, plan)
    _write_links(maps, old, plan.after)
    yield "links"
    _write_tunnels(maps, plan)
    yield "tunnels"
    maps.wait_grace()
    yield "grace"
    _retire(maps, plan)
    yield "retired"


def start_clocks(plan: Plan, old: State, clock: Callable[[], int]) -> None:
    """From now on the plan's transitions last one lifetime: the longer one, since a flow that was idle for
    as long as the old document allowed may still be active."""
    lifetime = max(old.lifetime_ns, plan.after.lifetime_ns)
    for write in plan.tables:
        write.lines.ends_ns = clock() + lifetime if write.before else None
        write.lines.lasts_ns = lifetime


def _write_returning(maps: Maps, plan: Plan) -> None:
    """A real that comes back while it drains stays as it is until its checks say more; but its slots may
    have flows elsewhere."""
    states = maps.reals["state"]
    for index in plan.returning:
        states[index] = int(states[index]) | CONSULT


def _write_blocks(maps: Maps, plan: Plan) -> None:
    """Every entry of a block names its service, also while it is free: so adopt.py finds the block's end."""
    for number, block in plan.new_blocks:
        maps.reals[block.entries] = np.zeros(block.capacity, REAL)
        maps.reals["service"][block.entries] = number
    for move in plan.moves:
        before, after = move.before, Block(move.after.base, move.before.capacity)
        maps.reals[after.entries] = maps.reals[before.entries]
        _zero_counters(maps, np.flatnonzero(maps.reals["state"][after.entries]) + after.base)


def _write_reals(maps: Maps, plan: Plan) -> None:
    """New reals are down until set_state: nothing was checked yet."""
    if not plan.new_reals:
        return
    indexes = np.array([real.index for real in plan.new_reals])
    addresses = {real.address: packed(real.address) for real in plan.new_reals}
    ways = [_way(plan, real.key, real.address) for real in plan.new_reals]
    entries = np.zeros(len(indexes), REAL)
    entries["id"] = [real.id for real in plan.new_reals]
    entries["service"] = [real.service for real in plan.new_reals]
    entries["link"] = [way.link for way in ways]
    entries["ifindex"] = [way.ifindex for way in ways]
    entries["tunnel"] = [way.tunnel for way in ways]
    raw = b"".join(addresses[real.address] for real in plan.new_reals)
    entries["addr"] = np.frombuffer(raw, "u1").reshape(-1, 16)
    _zero_counters(maps, indexes)
    maps.reals[indexes] = entries
    maps.reals["state"][indexes] = int(RealState.DOWN)


def _way(plan: Plan, key: ServiceKey, address: str) -> Way:
    """To a real of the plan's document."""
    tunnel = plan.document.services[key].tunnel
    if tunnel:
        return way(tunnel, address, plan.after.routes.get(address, Route()))
    return Way(*plan.after.links[address])


def _zero_counters(maps: Maps, indexes: npt.NDArray[np.intp]) -> None:
    """A call for each, so of many only those that ever counted."""
    if len(indexes) > READ_FIRST:
        indexes = indexes[maps.read_real_counters()["packets"][indexes] != 0]
    maps.zero_real_counters(indexes)


def _write_table(maps: Maps, write: WriteTable) -> None:
    """A slot whose owner changes goes into transition; the others keep their state."""
    owners = np.array(write.mapping, np.uint16)[write.table.slots]
    if write.before is None:
        words = owners
    elif write.all_slots:
        words = owners | np.uint16(TRANSITION)
    else:
        before = maps.slots[write.before.slots]
        states = before & np.uint16(0xFFFF ^ OWNER)
        words = owners | np.where((before & OWNER) == owners, states, np.uint16(TRANSITION))
    maps.slots[write.lines.slots] = words


def _publish_lists(maps: Maps, old: State, plan: Plan) -> None:
    """New services begin with an empty list, moved blocks with their reals; indexes are the block's own, so
    the list is right in both generations."""
    moved = {move.key for move in plan.moves}
    for key, service in plan.after.services.items():
        if key in moved or key not in old.services:
            publish(maps, service)


def _write_index(maps: Maps, document: Document, after: State) -> None:
    """Displacements and services of both families into the idle half, whatever it holds from two documents
    ago."""
    half = after.live - 1
    for family in (4, 6):
        index, keys = index_of(document, family), keys_of(document, family)
        start = _displacements_line(maps, document, after, family) * SLOTS_PER_LINE
        maps.displacements[start : start + index.buckets] = index.displacements
        services, base = maps.services(family), half * maps.positions(family)
        places = np.zeros(index.size, services.dtype)
        if keys:
            served = [service for key, service in after.services.items() if key.family == family]
            places[positions(index, keys)] = _records(services.dtype, keys, served, after.up)
        services[base : base + index.size] = places


def _displacements_line(maps: Maps, document: Document, after: State, family: int) -> int:
    """In a half, IPv6's lines follow those of IPv4."""
    line = (after.live - 1) * maps.capacity.displacement_lines
    return line + lines_of(document.index4.buckets) if family == 6 else line


def _records(
    dtype: np.dtype[Any], keys: list[IndexKey], services: list[ServiceInMaps], up: set[str]
) -> npt.NDArray[Any]:
    """`keys` as keys_of lists them: those of `services`, in their order, then the bare VIPs."""
    records = np.zeros(len(keys), dtype)
    key, record = records["key"], records["service"]
    if "addr_be" in (key.dtype.names or ()):
        key["addr_be"] = [int.from_bytes(k.packed, "big") for k in keys]
    else:
        key["addr"] = np.frombuffer(b"".join(k.packed for k in keys), "u1").reshape(-1, 16)
    key["port_be"] = [k.port for k in keys]
    key["protocol"] = [k.protocol for k in keys]
    raised = {socket.inet_pton(socket.AF_INET6 if ":" in vip else socket.AF_INET, vip) for vip in up}
    record["flags"] = [int(ServiceFlags.VIP | (ServiceFlags.UP if k.packed in raised else 0)) for k in keys]
    record = record[: len(services)]
    record["id"] = [s.id for s in services]
    record["flags"] = [s.flags for s in services]
    record["slots_line"] = [s.lines.line for s in services]
    record["table_size"] = [s.lines.size for s in services]
    record["reals_base"] = [s.block.base for s in services]
    record["first_line"] = [s.first.lines.line if s.first else 0 for s in services]
    record["first_size"] = [s.first.lines.size if s.first else 0 for s in services]
    record["first_seed"] = [s.first.seed if s.first else 0 for s in services]
    record["first_flags"] = [int(ServiceFlags.STICKY) if s.first and s.first.sticky else 0 for s in services]
    return records


def _write_generation(maps: Maps, document: Document, after: State) -> None:
    record, half = np.zeros((), GENERATION), after.live - 1
    record["seed"] = document.seed
    record["flow_lifetime_ns"] = after.lifetime_ns
    for family, name in ((4, "index4"), (6, "index6")):
        found, index = record[name], index_of(document, family)
        found["salt"], found["buckets"], found["size"] = index.salt, index.buckets, index.size
        found["displacements_line"] = _displacements_line(maps, document, after, family)
        found["services_base"] = half * maps.positions(family)
    record["flags"] = _any_port(document)
    record["digest"] = np.frombuffer(bytes.fromhex(document.digest.removeprefix("sha256:")), "u1")
    record["vlans"] = vlan_bitmap(document, after.host_vlans)
    record["vips4"], record["vips6"] = vip_filter(document, 4), vip_filter(document, 6)
    maps.control["generation"][0, half] = record
    maps.control["layout"][0] = int(Vc5Layout.VERSION)


def _any_port(document: Document) -> int:
    any_port = {key.family for key in document.services if not key.port}
    return sum(int(flag) for family, flag in _ANY_PORT.items() if family in any_port)


def _drain_leaving(maps: Maps, plan: Plan) -> Iterator[str]:
    """A real that left the document keeps its flows; one that was down stays down."""
    states = maps.reals["state"]
    for key, indexes in plan.leaving.items():
        for index in indexes:
            if int(states[index]) & STATE == RealState.ACCEPTING:
                states[index] = int(RealState.DRAINING) | int(states[index]) & CONSULT
                yield "leaving real"
        publish(maps, plan.after.services[key])
        yield "list without leaving reals"


def _write_links(maps: Maps, old: State, after: State) -> None:
    """MACs that the document gives anew, of services that were there: new reals have theirs."""
    changed = {address: link for address, link in after.links.items() if old.links.get(address) != link}
    if changed:
        for service in (after.services[key] for key in old.services if key in after.services):
            for address in changed.keys() & service.reals.keys():
                write_link(maps, service.block.base + service.reals[address].index, *changed[address])


def write_link(maps: Maps, index: int, link: int, ifindex: int) -> None:
    """Where a real of layer 2 is reached."""
    if not is_away(maps, index):
        write_way(maps, index, Way(link, ifindex))


def _write_tunnels(maps: Maps, plan: Plan) -> None:
    """Reals that had another tunnel, or none, or have none any more. Those that left keep what they had."""
    tunnels = any(service.tunnel for service in plan.document.services.values())
    if not tunnels and not maps.reals["tunnel"].any():
        return
    for key, service in plan.document.services.items():
        placed = plan.after.services[key]
        for address in service.reals:
            index = placed.block.base + placed.reals[address].index
            if not same_tunnel(maps, index, service.tunnel, address):
                write_way(maps, index, _way(plan, key, address))


def _retire(maps: Maps, plan: Plan) -> None:
    for block in plan.retired:
        maps.reals[block.entries] = np.zeros(block.capacity, REAL)
    for number in plan.retired_ids:
        maps.service_states["accepting"][number] = 0
