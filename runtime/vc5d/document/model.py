"""The document as a value: what `vc5c` compiled, checked and typed (docs/document.md).

Frozen; nothing at run time edits it. Arrays are read-only. Compare documents by `digest`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import Vc5Error

PROTOCOLS = {"tcp": 6, "udp": 17}


class DocumentError(Vc5Error):
    """The document cannot be used; the message says where in it and why."""


@dataclass(frozen=True, order=True)
class ServiceKey:
    """VIP:port:protocol. `protocol` is "tcp" or "udp"; `address` in its canonical spelling."""

    address: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.address}:{self.port}:{self.protocol}"

    @cached_property
    def packed(self) -> bytes:
        """The address in network order, 4 or 16 bytes."""
        return ipaddress.ip_address(self.address).packed

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    @property
    def protocol_number(self) -> int:
        """As in the IP header."""
        return PROTOCOLS[self.protocol]

    @property
    def index_protocol(self) -> int:
        """As in the perfect hash: port 0 is the bare VIP's entry, whatever the protocol, and has 0."""
        return self.protocol_number if self.port else 0


@dataclass(frozen=True)
class Health:
    """A real changes state when `threshold` of its last `window` checks say so. Times in seconds."""

    interval: float
    timeout: float
    threshold: int
    window: int


@dataclass(frozen=True)
class RealConfig:
    """A real of one service, as configured. `port`: where checks go; 0: none. `weight`: 0 when disabled."""

    checks: tuple[Mapping[str, Any], ...]
    disabled: bool
    weight: int
    port: int


@dataclass(frozen=True, eq=False)
class Service:
    """One service; `reals` by address. `linger`: seconds that a failing real keeps its established flows.
    `options`: the keys that only other parts read."""

    key: ServiceKey
    name: str
    need: int
    track: str
    sticky: bool
    health: Health
    linger: float
    reals: Mapping[str, RealConfig]
    table: str
    options: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Table:
    """A Maglev table: `slots` are `size` indexes into `reals`, read-only uint16."""

    size: int
    reals: tuple[str, ...]
    weights: tuple[int, ...]
    slots: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Neighbor:
    """Where a real is: VLAN id (None: untagged) and MAC in lower case (None: learn it live)."""

    vlan: int | None
    mac: str | None


@dataclass(frozen=True, eq=False)
class Index:
    """A perfect hash; `size` and `buckets` are powers of two, or both 0 when the family has no service."""

    salt: int
    buckets: int
    size: int
    displacements: npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Document:
    """A whole document. `digest` is "sha256:…"; `flow_lifetime` in seconds; `vlans`, `vlans6`: id to
    prefix as written.

    `options` holds every top-level key that has no attribute of its own.
    """

    digest: str
    seed: int
    flow_lifetime: float
    services: Mapping[ServiceKey, Service]
    tables: Mapping[str, Table]
    neighbors: Mapping[str, Neighbor]
    vlans: Mapping[int, str]
    vlans6: Mapping[int, str]
    index4: Index
    index6: Index
    bgp: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Any]

    @cached_property
    def vips(self) -> tuple[str, ...]:
        """Every VIP once, in the services' order."""
        return tuple(dict.fromkeys(key.address for key in self.services))
