"""A document cut into parts: each is a service, a table, some neighbors, or the rest; and put together again.

A part is pickled by itself, and equal parts have equal bytes. So of a document that follows another only what
differs travels, and what does not stays the very object that the one before had: whoever compares by identity
is done at once.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from ..document import Document, Neighbor, ServiceKey
from ..document.model import RealConfig, Service, Table
from ..loop.courtesy import giving_way

_BUCKETS = 256  # of neighbors: by a hash, so that one more does not move all the others

PartName = tuple[str, Any]  # what kind, and which of them
Prints = Mapping[PartName, bytes]  # a fingerprint of each part
Parts = Mapping[PartName, Any]
Shared = MutableMapping[Any, RealConfig]


def cut(document: Document) -> Iterator[tuple[PartName, bytes]]:
    """The parts, in an order from which `join` makes the document again."""
    shared: dict[Neighbor, Neighbor] = {}
    rest = replace(document, services={}, tables={}, neighbors={})
    yield ("rest", ""), _pickled(rest)
    for name, table in document.tables.items():
        yield ("table", name), _pickled(table)
    buckets: dict[int, dict[str, Neighbor]] = {}
    for address, neighbor in document.neighbors.items():
        known = shared.setdefault(neighbor, neighbor)
        buckets.setdefault(zlib.crc32(address.encode()) % _BUCKETS, {})[address] = known
    for number, bucket in buckets.items():
        yield ("neighbors", number), _pickled(bucket)
    for key, service in document.services.items():
        yield ("service", key), _pickled(service)


def fingerprint(part: bytes) -> bytes:
    return blake2b(part, digest_size=16).digest()


def opened(name: PartName, value: Any, shared: Shared) -> Any:
    """What `cut` had pickled, as it is to be kept. shared: reals that are configured alike are one object,
    also over documents."""
    if name[0] == "table":
        value.slots.flags.writeable = False
    return _one(value, shared) if name[0] == "service" else value


def join(parts: Parts) -> Document:
    """The document of these parts, in `cut`'s order."""
    services: dict[ServiceKey, Service] = {}
    tables: dict[str, Table] = {}
    neighbors: dict[str, Neighbor] = {}
    for (kind, which), value in giving_way(parts.items()):
        if kind == "service":
            services[which] = value
        elif kind == "table":
            tables[which] = value
        elif kind == "neighbors":
            neighbors.update(value)
    rest: Document = parts["rest", ""]
    return replace(rest, services=services, tables=tables, neighbors=neighbors)


def _one(service: Service, shared: Shared) -> Service:
    """With the very objects that the document before had for reals that are configured so."""
    kept: dict[int, RealConfig] = {}
    for real in service.reals.values():
        if id(real) not in kept:
            name = (repr(real.checks), real.disabled, real.weight, real.port)
            kept[id(real)] = shared.setdefault(name, real)
    return replace(service, reals={address: kept[id(real)] for address, real in service.reals.items()})


def _pickled(value: Any) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
