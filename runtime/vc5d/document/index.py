"""The perfect hash of a document: where each service and each bare VIP is found, verified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import hashing
from .fields import Fault
from .model import Document, Index, ServiceKey


def positions4(index: Index, keys: Sequence[ServiceKey]) -> npt.NDArray[np.int64]:
    """The position of each IPv4 key; port 0 and any protocol mean the bare VIP's entry."""
    words = [hashing.word4(k.packed, k.port, k.index_protocol) for k in keys]
    return _positions(index, np.array(words, np.uint64))


def positions6(index: Index, keys: Sequence[ServiceKey]) -> npt.NDArray[np.int64]:
    """The same for IPv6 keys."""
    if not keys:
        return np.zeros(0, np.int64)
    protocols = [k.index_protocol for k in keys]
    return _positions(index, hashing.words6([k.packed for k in keys], [k.port for k in keys], protocols))


def keys_of(document: Document, family: int) -> list[ServiceKey]:
    """Every key that the index of `family` (4 or 6) must place: the services', then the bare VIPs'."""
    keys = [key for key in document.services if key.family == family]
    vips = dict.fromkeys(key.address for key in keys)
    return keys + [ServiceKey(vip, 0, "tcp") for vip in vips]


def verify(document: Document) -> None:
    """Raises Fault unless every key of both families has a position of its own."""
    for family, index, place in ((4, document.index4, positions4), (6, document.index6, positions6)):
        keys, where = keys_of(document, family), f"index.ipv{family}"
        if not keys:
            continue
        if index.size == 0:
            raise Fault(where, f"it is empty, but {keys[0]} is a service")
        places = place(index, keys)
        order = np.argsort(places, kind="stable")
        same = np.flatnonzero(np.diff(places[order]) == 0)
        if len(same):
            first, second = keys[order[same[0]]], keys[order[same[0] + 1]]
            raise Fault(where, f"{_name(first)} and {_name(second)} have the same position")


def _positions(index: Index, words: hashing.Words) -> npt.NDArray[np.int64]:
    if index.size == 0 or len(words) == 0:
        return np.zeros(0, np.int64)
    return hashing.positions(words, index.salt, index.buckets, index.size, index.displacements)


def _name(key: ServiceKey) -> str:
    return str(key) if key.port else f"the VIP {key.address}"
