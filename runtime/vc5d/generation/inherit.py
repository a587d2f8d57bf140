"""What one load balancer's maps hold of transitions, given to another that starts (docs/sharing.md, rule 6).

By stable id and address of reals, since the two may have different documents, and number reals differently.
The one that starts makes a document of what it is given, applies it, forgets that it was ever there, and
applies its own again: then its own is in transition from the other's, as after any flip.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from ..document import Document, Neighbor, RealConfig, Service, ServiceKey, Table
from ..errors import Vc5Error
from ..xdp.layout import RealState, SlotState
from ..xdp.maps import Maps
from ..xdp.slots import OWNER, STATE_SHIFT
from .health import CONSULT
from .state import Lines, ServiceInMaps, State
from .transition import live_tables

_LENGTH = struct.Struct(">I")
_MOST_BYTES = 1 << 30  # of what is given, once unpacked
_VERSION = "services 1"
Slots = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class GivenReal:
    """`index`: the one that `words` have. `vlan`: of the link that it had there; 0: none."""

    index: int
    id: int
    address: str
    configured: bool
    consult: bool
    vlan: int


@dataclass(frozen=True)
class GivenService:
    """`words`: slots with their states; `first`: the previous table's. None: not told, since there is nothing
    in them that the asking one does not know. `seed`, `first_seed`: tags of the seeds."""

    reals: tuple[GivenReal, ...]
    sticky: bool
    words: Slots | None
    first: Slots | None
    first_sticky: bool
    seed: str
    first_seed: str


Given = Mapping[str, GivenService]


def gather(maps: Maps, state: State, digest: str) -> bytes:
    """What this load balancer gives to one whose document has `digest`; to be packed, which takes longer."""
    arrays: list[bytes] = []
    places: dict[int, list[int]] = {}

    def told(lines: Lines) -> list[int]:
        """Number and length of an array; one for all services that share it."""
        if lines.line not in places:
            places[lines.line] = [sum(map(len, arrays)), lines.size]
            arrays.append(maps.slots[lines.slots].astype("<u2").tobytes())
        return places[lines.line]

    services = {}
    for key, service in state.services.items():
        plain = service.lines.clear and service.first is None and digest == state.digest
        services[str(key)] = {
            "reals": _reals(maps, service),
            "sticky": service.sticky,
            "seed": _tag(state.seed),
            "words": None if plain else told(service.lines),
            "first": told(service.first.lines) if service.first else None,
            "first_seed": _tag(service.first.seed) if service.first else "",
            "first_sticky": bool(service.first and service.first.sticky),
        }
    head = json.dumps({_VERSION: services}).encode()
    return _LENGTH.pack(len(head)) + head + b"".join(arrays)


def pack(gathered: bytes) -> bytes:
    return zlib.compress(gathered, 1)


def _reals(maps: Maps, service: ServiceInMaps) -> list[list[Any]]:
    entries = maps.reals[service.block.entries]
    consult = (entries["state"] & CONSULT != 0).tolist()
    links = entries["link"].tobytes()
    return [
        [
            r.index,
            r.id,
            address,
            r.configured,
            consult[r.index],
            int.from_bytes(links[8 * r.index + 6 : 8 * r.index + 8], "big"),
        ]
        for address, r in service.reals.items()
    ]


def unpack(content: bytes) -> Given:
    """What was packed. Raises Vc5Error."""
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(content, _MOST_BYTES)
        (length,) = _LENGTH.unpack_from(raw)
        head = json.loads(raw[_LENGTH.size : _LENGTH.size + length])
        words = np.frombuffer(raw[_LENGTH.size + length :], "<u2").astype(np.uint16)
        return {key: _service(each, words) for key, each in head[_VERSION].items()}
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, IndexError) as failure:
        raise Vc5Error(f"what a peer holds cannot be read: {failure}", "is it of the same release?") from None


def _service(raw: Mapping[str, Any], words: Slots) -> GivenService:
    reals = tuple(GivenReal(*each) for each in raw["reals"])
    known = {real.index for real in reals}

    def table(place: list[int] | None) -> Slots | None:
        if place is None:
            return None
        start, size = place[0] // 2, place[1]
        found = words[start : start + size]
        if size < 1 or len(found) != size or not set(np.unique(found & OWNER).tolist()) <= known:
            raise ValueError("a table that is not whole")
        return found

    return GivenService(
        reals,
        bool(raw["sticky"]),
        table(raw["words"]),
        table(raw["first"]),
        bool(raw["first_sticky"]),
        str(raw["seed"]),
        str(raw["first_seed"]),
    )


def _tag(seed: int) -> str:
    """Two bytes by which equal seeds are told from others: no more of a secret one is given away."""
    return blake2b(seed.to_bytes(8, "little"), digest_size=2, person=b"vc5 seed tag").hexdigest()


# The one that starts


def previous(mine: Document, given: Given) -> Document | None:
    """A document that has of each service the table that flows were found by there; None: it is the same as
    this one for all of them."""
    services, tables, neighbors = dict(mine.services), dict(mine.tables), dict(mine.neighbors)
    for key, service in mine.services.items():
        theirs = given.get(str(key))
        if theirs is None or not _usable(theirs, mine.seed):
            continue
        words = theirs.first if theirs.first is not None else theirs.words
        sticky = theirs.first_sticky if theirs.first is not None else theirs.sticky
        own = mine.tables[service.table]
        table = own if words is None else _table(words, theirs)
        same = sticky == service.sticky and _equal(table, own)
        table = own if same else table
        more = [real for real in theirs.reals if real.address not in table.reals]
        if same and not more:
            continue
        table = replace(
            table,
            reals=(*table.reals, *(r.address for r in more)),
            weights=(*table.weights, *[1] * len(more)),
        )
        name = f"given {key}"
        tables[name] = table
        services[key] = replace(service, table=name, sticky=sticky, reals=_configs(service, table))
        for real in theirs.reals:
            neighbors.setdefault(real.address, Neighbor(real.vlan or None, None))
    if tables.keys() == mine.tables.keys():
        return None
    digest = "sha256:" + blake2b(mine.digest.encode() + b"given", digest_size=32).hexdigest()
    return replace(mine, digest=digest, services=services, tables=tables, neighbors=neighbors)


def _usable(theirs: GivenService, seed: int) -> bool:
    return (theirs.first_seed or theirs.seed) == _tag(seed)


def _table(words: Slots, theirs: GivenService) -> Table:
    """With the reals that it has, in the order of their indexes there."""
    owners, slots = np.unique(words & OWNER, return_inverse=True)
    addresses = {real.index: real.address for real in theirs.reals}
    reals = tuple(addresses[owner] for owner in owners.tolist())
    return Table(len(words), reals, (1,) * len(reals), slots.reshape(-1).astype(np.uint16))


def _equal(one: Table, other: Table) -> bool:
    """Each slot has the same owner."""
    if one.size != other.size or not set(one.reals) <= set(other.reals):
        return False
    numbers = np.array([other.reals.index(address) for address in one.reals], np.uint16)
    return bool(np.array_equal(numbers[one.slots], other.slots))


def _configs(service: Service, table: Table) -> dict[str, RealConfig]:
    """As the service's own reals have it: only the addresses matter."""
    like = next(iter(service.reals.values()))
    return {address: service.reals.get(address, like) for address in table.reals}


def forget_transitions(state: State, maps: Maps) -> None:
    """Nobody has sent a packet by these tables so far: what is live now might have been so from the
    beginning."""
    for key, service in state.services.items():
        state.services[key] = replace(service, first=None)
    for lines in live_tables(state):
        maps.slots[lines.slots] &= np.uint16(OWNER)
        lines.clear, lines.ends_ns, lines.settling = True, None, False


def overlay(maps: Maps, state: State, mine: Document, given: Given) -> None:
    """The states of slots, and the consult bits, where the other's are known. A slot in transition without a
    previous table settles."""
    for key, service in state.services.items():
        theirs = given.get(str(key))
        if theirs is None or not _usable(theirs, mine.seed):
            continue
        by_id = {real.id: real for real in service.reals.values()}
        for real in theirs.reals:
            if real.consult and real.id in by_id:
                index = service.block.base + by_id[real.id].index
                maps.reals["state"][index] = int(maps.reals["state"][index]) | int(RealState.CONSULT)
                state.fresh.add(index)
        if theirs.words is not None and len(theirs.words) == service.lines.size:
            _overlay_slots(maps, service, theirs)


def _overlay_slots(maps: Maps, service: ServiceInMaps, theirs: GivenService) -> None:
    assert theirs.words is not None
    lines, ids = service.lines, {real.index: real.id for real in theirs.reals}
    own_ids = {real.index: real.id for real in service.reals.values()}
    words = maps.slots[lines.slots]
    there = np.zeros(1 << STATE_SHIFT, np.int64)
    there[list(ids)] = list(ids.values())
    here = np.zeros(1 << STATE_SHIFT, np.int64)
    here[list(own_ids)] = list(own_ids.values())
    states = theirs.words >> STATE_SHIFT
    moved = there[theirs.words & OWNER] != here[words & OWNER]
    transition = moved | (states == SlotState.TRANSITION) | (words >> STATE_SHIFT == SlotState.TRANSITION)
    new = np.where(
        transition,
        int(SlotState.TRANSITION),
        np.where(states == SlotState.CONSULT, int(SlotState.CONSULT), words >> STATE_SHIFT),
    )
    maps.slots[lines.slots] = (words & OWNER) | (new << STATE_SHIFT).astype(np.uint16)
    lines.clear = lines.clear and not new.any()
    if transition.any() and lines.ends_ns is None:
        lines.settling = True


def inherited(state: State, given: Given) -> dict[tuple[ServiceKey, str], Neighbor]:
    """Reals that are here only because the other had them, and where they were there."""
    found = {}
    for key, service in state.services.items():
        theirs = {real.address: real for real in given[str(key)].reals} if str(key) in given else {}
        for address, real in service.reals.items():
            if not real.configured and address in theirs:
                found[key, address] = Neighbor(theirs[address].vlan or None, None)
    return found
