"""Which VIPs are up: what the data path asks before it answers an echo request."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import numpy.typing as npt

from ..document import Index, IndexKey
from ..document.index import positions
from ..errors import Vc5Error
from ..xdp.layout import ServiceFlags
from ..xdp.maps import Maps
from ..xdp.slots import SLOTS_PER_LINE
from .state import State

_VIP, _UP = int(ServiceFlags.VIP), int(ServiceFlags.UP)


def set_up(maps: Maps, state: State, address: str, up: bool) -> bool:
    """Whether a VIP answers echo requests, by one store in the live half; kept for the next ones. Whether it
    was otherwise before. Raises Vc5Error for what is no VIP of the live document."""
    family = 6 if ":" in address else 4
    packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address)
    place = _place(maps, state, family, IndexKey(packed, 0, 0))
    records = maps.services(family)
    if place is None or not _is_vip(records[place], packed):
        raise Vc5Error(f"the live document has no VIP {address}")
    (state.up.add if up else state.up.discard)(address)
    flags = records["service"]["flags"]
    wanted = _VIP | _UP if up else _VIP
    changed = int(flags[place]) != wanted
    flags[place] = wanted
    return changed


def _place(maps: Maps, state: State, family: int, key: IndexKey) -> int | None:
    """Where the live index puts a key, whatever is there."""
    if not state.live:
        return None
    found = maps.control["generation"][0, state.live - 1][f"index{family}"]
    size, buckets = int(found["size"]), int(found["buckets"])
    if not size:
        return None
    start = int(found["displacements_line"]) * SLOTS_PER_LINE
    index = Index(int(found["salt"]), buckets, size, maps.displacements[start : start + buckets])
    return int(found["services_base"]) + int(positions(index, [key])[0])


def _is_vip(record: Any, packed: bytes) -> bool:
    """The key's bytes begin with the address in both families; the flag tells an empty place from 0.0.0.0."""
    key = record["key"].tobytes()
    whole = packed + bytes(len(key) - len(packed))
    return bool(key == whole and int(record["service"]["flags"]) & _VIP)


def up_in(records: npt.NDArray[Any]) -> set[str]:
    """The VIPs among a live half's records (SERVICE4 or SERVICE6) that are up."""
    flags = records["service"]["flags"]
    raised = np.flatnonzero((flags & _VIP != 0) & (flags & _UP != 0))
    return {address_of(records["key"][place]) for place in raised}


def address_of(key: Any) -> str:
    """The address in a SERVICE_KEY4 or SERVICE_KEY6."""
    raw: bytes = key.tobytes()
    if "addr_be" in key.dtype.names:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    return socket.inet_ntop(socket.AF_INET6, raw[:16])
