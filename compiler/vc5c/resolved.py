"""The configuration resolved: every service explicit, nothing left to look up or inherit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vc5c.addresses import Address
from vc5c.model import Peer, Vlan


class ServiceKey(NamedTuple):
    address: Address
    port: int
    protocol: str  # tcp or udp

    def __str__(self) -> str:
        return f"{self.address}:{self.port}:{self.protocol}"


class TableSpec(NamedTuple):
    """All that a Maglev table depends on; services with equal ones share it."""

    size: int  # slots, a prime
    reals: tuple[Address, ...]  # in the canonical order
    weights: tuple[int, ...]  # one per real, at least 1


@dataclass(frozen=True, slots=True)
class ResolvedService:
    """options: VC5's keys (name, need, sticky, …) as the document has them. disabled: written with a `*`."""

    key: ServiceKey
    options: Mapping[str, Any]
    track: str
    health: Mapping[str, Any]
    checks: tuple[Mapping[str, Any], ...]
    table: TableSpec
    disabled: frozenset[Address]


@dataclass(frozen=True, slots=True)
class Neighbor:
    vlan: int | None
    mac: str | None  # None: learned live


@dataclass(frozen=True, slots=True)
class Resolved:
    services: tuple[ResolvedService, ...]  # by key
    neighbors: Mapping[Address, Neighbor]  # every real of every table
    vlans: tuple[Vlan, ...]
    vlans6: tuple[Vlan, ...]
    peers: tuple[Peer, ...]
    seed: int | str
    flow_lifetime: int
    passed_on: Mapping[str, Any]
