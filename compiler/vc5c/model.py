"""The configuration as written, frozen: names resolved, words parsed, nothing inherited yet.

Places are kept, for messages, where a later stage may have something to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from vc5c.addresses import Address, Prefix
from vc5c.policies import PolicyName
from vc5c.problems import Place

T = TypeVar("T")


class At(NamedTuple, Generic[T]):
    """A value and where it was written."""

    value: T
    place: Place


@dataclass(frozen=True, slots=True)
class Settings:
    """What cascades from service to policy (and, for some, to check). None: not given here.

    places: where each that is given was given, by its key in the YAML.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    name: str | None = None
    description: str | None = None
    need: At[int] | None = None
    sticky: At[bool] | None = None
    reset: bool | None = None
    scheduler: At[str] | None = None
    persist: int | None = None
    priority: str | None = None
    host: str | None = None
    path: str | None = None
    method: str | None = None
    expect: tuple[int, ...] | None = None  # status codes; (0,): any
    verify: bool | None = None
    tunnel_type: At[str] | None = None
    tunnel_port: int | None = None
    tunnel_dscp: int | None = None
    tunnel_mtu: int | None = None
    mss_clamp: At[bool | int] | None = None
    track: At[str] | None = None
    interval: float | None = None  # seconds
    timeout: float | None = None  # seconds
    window: tuple[int, int] | None = None  # (3, 5): 3 of 5
    table_size: At[int] | None = None
    weights: Mapping[Address, At[int]] | None = None
    linger: float | None = None  # seconds
    overload: float | None = None  # percent


@dataclass(frozen=True, slots=True)
class Server:
    address: Address
    disabled: bool  # written with a `*`
    place: Place


@dataclass(frozen=True, slots=True)
class Vip:
    address: Address
    disabled: bool  # written with a `*`
    place: Place


@dataclass(frozen=True, slots=True)
class Check:
    """One explicit health check. What is None comes from the policy."""

    type: str
    port: int | None
    host: str | None
    path: str | None
    method: str | None
    expect: tuple[int, ...] | None
    verify: bool | None
    place: Place


@dataclass(frozen=True, slots=True)
class Policy:
    name: PolicyName
    checked: bool  # False: written with a `*`
    settings: Settings
    checks: tuple[Check, ...]  # empty: the one that the name implies
    servers: tuple[Server, ...] | None  # None: the service's
    bind: At[int] | None
    place: Place


@dataclass(frozen=True, slots=True)
class Service:
    vips: tuple[Vip, ...]
    servers: tuple[Server, ...]
    policies: tuple[Policy, ...]
    settings: Settings
    place: Place


@dataclass(frozen=True, slots=True)
class Vlan:
    id: int
    written: str  # the prefix as written: it may carry a gateway's host part
    prefix: Prefix
    place: Place


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What is announced with the VIPs of a prefix; it wins over what the peer has for all."""

    prefix: Prefix
    place: Place
    communities: tuple[str, ...] | None = None
    med: int | None = None
    local_pref: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A BGP peer. None: not given.

    accept and reject: prefixes as written, names resolved, or `any`. vips: by their prefix's text.
    """

    address: Address
    place: Place
    as_number: int
    peer_as: int | None = None
    hold_time: int | None = None
    source_ip: str | None = None
    next_hop_6: str | None = None
    local_pref: int | None = None
    med: int | None = None
    communities: tuple[str, ...] | None = None
    accept: tuple[str, ...] | None = None
    reject: tuple[str, ...] | None = None
    bfd: bool | None = None
    multihop: bool | None = None
    vips: Mapping[str, RouteOptions] | None = None

    @property
    def internal(self) -> bool:
        return self.peer_as is None or self.peer_as == self.as_number


@dataclass(frozen=True, slots=True)
class Config:
    services: tuple[Service, ...]
    vlans: tuple[Vlan, ...]
    vlans6: tuple[Vlan, ...]
    peers: tuple[Peer, ...]
    neighbors: Mapping[Address, At[str | None]]  # MAC, lower case; None: learn it
    seed: int | str  # "secret": each load balancer has it from its credential
    flow_lifetime: int  # seconds
    scheduler: At[str] | None
    neighbors_file: At[str] | None = None
    passed_on: Mapping[str, Any] = field(default_factory=dict)  # keys for the daemon alone
    places: Mapping[str, Place] = field(default_factory=dict)  # of the values of top-level keys
