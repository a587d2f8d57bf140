"""The document as a value: what `vc5c` compiled, checked and typed (docs/document.md).

Frozen; nothing at run time edits it. Arrays are read-only. Compare documents by `digest`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import Vc5Error

PROTOCOLS = {"tcp": 6, "udp": 17}


class DocumentError(Vc5Error):
    """The document cannot be used; the message says where in it and why."""


class ForbiddenDocumentError(DocumentError):
    """This user may not read it, which says nothing of it."""


class ServiceKey(NamedTuple):
    """VIP:port:protocol. `protocol` is "tcp" or "udp"; `address` in its canonical spelling; port 0: every
    port that has no service of its own. A tuple, since it is looked up a million times in a reload."""

    address: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.address}:{self.port}:{self.protocol}"

    @property
    def packed(self) -> bytes:
        """The address in network order, 4 or 16 bytes."""
        return _packed(self.address)

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    @property
    def protocol_number(self) -> int:
        """As in the IP header."""
        return PROTOCOLS[self.protocol]


@lru_cache(1 << 16)
def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


class IndexKey(NamedTuple):
    """What the perfect hash places: `packed` in network order; protocol 0 (with port 0): a bare VIP."""

    packed: bytes
    port: int
    protocol: int

    def __str__(self) -> str:
        address = str(ipaddress.ip_address(self.packed))
        if not self.protocol:
            return f"the VIP {address}"
        names = {number: name for name, number in PROTOCOLS.items()}
        return f"{address}:{self.port}:{names[self.protocol]}"


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


@dataclass(frozen=True)
class Tunnel:
    """How packets reach a service's reals in other networks. kind: ipip, gre, fou, gue or dscp; port: UDP's,
    of fou and gue; dscp: of dscp; mtu: of the longest packet on the way, 0: not given."""

    kind: str
    port: int = 0
    dscp: int = 0
    mtu: int = 0


@dataclass(frozen=True, eq=False)
class Service:
    """One service; `reals` by address. `linger`: seconds that a real whose checks fail keeps its established
    flows. `options`: the keys that only other parts read. `tunnel`: None: in layer 2."""

    key: ServiceKey
    name: str
    need: int
    track: str
    sticky: bool
    leastconn: bool
    linger: float
    health: Health
    reals: Mapping[str, RealConfig]
    table: str
    options: Mapping[str, Any]
    tunnel: Tunnel | None = None

    @property
    def away(self) -> bool:
        """Whether its reals may be of the other address family."""
        return self.tunnel is not None and self.tunnel.kind != "dscp"


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


@dataclass(frozen=True)
class Blocked:
    """Source prefixes of both families, sorted."""

    v4: tuple[ipaddress.IPv4Network, ...] = ()
    v6: tuple[ipaddress.IPv6Network, ...] = ()


@dataclass(frozen=True, eq=False)
class Index:
    """A perfect hash; `size` and `buckets` are powers of two, or both 0 when the family has no service."""

    salt: int
    buckets: int
    size: int
    displacements: npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Document:
    """A whole document. `digest` is "sha256:…"; `seed`: never shown, it may be secret; `flow_lifetime` in
    seconds; `vlans` and `vlans6`: id to prefix as written; `blocked`: the source prefixes in force, without
    overlaps.

    `options` holds every top-level key that has no attribute of its own.
    """

    digest: str
    seed: int = field(repr=False)
    flow_lifetime: float
    services: Mapping[ServiceKey, Service]
    tables: Mapping[str, Table]
    neighbors: Mapping[str, Neighbor]
    vlans: Mapping[int, str]
    vlans6: Mapping[int, str]
    index4: Index
    index6: Index
    bgp: Mapping[str, Mapping[str, Any]]
    blocked: Blocked
    options: Mapping[str, Any]

    @cached_property
    def vips(self) -> tuple[str, ...]:
        """Every VIP once, in the services' order."""
        return tuple(dict.fromkeys(key.address for key in self.services))
