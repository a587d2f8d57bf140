"""A document as flat objects with attributes: what changes are told of.

Tables and the index follow from the rest and are left out, but for a table's size. Checks that all reals of
a service have alike, as vc5c writes them, are the service's attribute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from vc5c.addresses import read_address, read_prefix
from vc5c.documents import Document, Service

KINDS = ("setting", "service", "real", "vlan", "vlan6", "neighbor", "peer", "block")


class Name(NamedTuple):
    """service: of a real, the service that it serves; else empty."""

    kind: str
    name: str
    service: str = ""

    @property
    def order(self) -> tuple[Any, ...]:
        """As people count; a service is followed by its reals."""
        group = "service" if self.kind == "real" else self.kind
        return KINDS.index(group), natural(self.service or self.name), self.kind == "real", natural(self.name)


Object = Mapping[str, Any]
Model = Mapping[Name, Object]


def natural(text: str) -> tuple[Any, ...]:
    """A key to sort by: addresses by number, IPv4 first; services by address, port, protocol; prefixes by
    network; numbers by value; and the rest as text."""
    address = read_address(text)
    if address:
        return 0, address.version, address.number, 0, text
    if text.count(":") >= 2:
        host, port, protocol = text.rsplit(":", 2)
        address = read_address(host)
        if address and port.isdecimal():
            return 0, address.version, address.number, int(port), protocol
    prefix = read_prefix(text) if "/" in text else None
    if prefix:
        return 0, prefix.version, prefix.first, -prefix.last, text
    return (1, int(text), 0, 0, text) if text.isdecimal() else (2, 0, 0, 0, text)


def model_of(document: Document) -> dict[Name, Object]:
    """Every object of the document."""
    model: dict[Name, Object] = {}
    for service in document.services.values():
        model.update(objects_of(service))
    model.update(_others(document))
    return model


def objects_of(service: Service, without: Set[str] = frozenset()) -> Iterator[tuple[Name, Object]]:
    """A service and its reals, but those of the addresses `without`."""
    shared = shared_checks(service)
    attributes = {**service.options, "track": service.track, "table_size": service.table.size}
    if shared is not None:
        attributes["checks"] = shared
    yield Name("service", service.name), attributes
    for address, real in service.reals.items():
        if address in without:
            continue
        own: dict[str, Any] = {"weight": real.weight, "disabled": real.disabled}
        if shared is None:
            own["checks"] = list(real.checks)
        yield Name("real", address, service.name), own


def shared_checks(service: Service) -> list[Mapping[str, Any]] | None:
    """The checks that all its reals have; None if they differ."""
    every = [real.checks for real in service.reals.values()]
    return list(every[0]) if every and all(checks == every[0] for checks in every) else None


def _others(document: Document) -> Iterator[tuple[Name, Object]]:
    for key, value in document.settings.items():
        yield Name("setting", key), {"value": value}
    for kind, vlans in (("vlan", document.vlans), ("vlan6", document.vlans6)):
        for number, prefix in vlans.items():
            yield Name(kind, number), {"prefix": prefix}
    for address, neighbor in document.neighbors.items():
        yield Name("neighbor", address), neighbor
    for address, options in document.bgp.items():
        yield Name("peer", address), options
    for level, prefixes in document.block.items():
        yield Name("block", level), {"prefixes": list(prefixes)}
