"""The perfect hash of a document: where each service and each bare VIP is found, verified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import hashing
from .fields import Fault
from .model import Document, Index, IndexKey


def keys_of(document: Document, family: int) -> list[IndexKey]:
    """Every key that the index of `family` (4 or 6) must place: the services', then the bare VIPs'."""
    services = [key for key in document.services if key.family == family]
    keys = [IndexKey(key.packed, key.port, key.protocol_number) for key in services]
    return keys + [IndexKey(packed, 0, 0) for packed in dict.fromkeys(key.packed for key in services)]


def index_of(document: Document, family: int) -> Index:
    """The document's index of `family`, 4 or 6."""
    return document.index6 if family == 6 else document.index4


def words_of(keys: Sequence[IndexKey]) -> hashing.Words:
    """The word of each key; all are of one family."""
    if not keys:
        return np.zeros(0, np.uint64)
    if len(keys[0].packed) == 4:
        return np.array([hashing.word4(*key) for key in keys], np.uint64)
    packed, ports, protocols = zip(*keys, strict=True)
    return hashing.words6(packed, ports, protocols)


def positions(index: Index, keys: Sequence[IndexKey]) -> npt.NDArray[np.int64]:
    """The position of each key in the index of its family."""
    if index.size == 0 or len(keys) == 0:
        return np.zeros(0, np.int64)
    return hashing.positions(words_of(keys), index.salt, index.buckets, index.size, index.displacements)


def verify(document: Document) -> None:
    """Raises Fault unless every key of both families has a position of its own."""
    for family in (4, 6):
        index, keys, where = index_of(document, family), keys_of(document, family), f"index.ipv{family}"
        if not keys:
            continue
        if index.size == 0:
            raise Fault(where, f"it is empty, but {keys[0]} is a service")
        places = positions(index, keys)
        order = np.argsort(places, kind="stable")
        same = np.flatnonzero(np.diff(places[order]) == 0)
        if len(same):
            first, second = keys[order[same[0]]], keys[order[same[0] + 1]]
            raise Fault(where, f"{first} and {second} have the same position")
