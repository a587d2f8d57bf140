"""What a load balancer knows: services, reals, flows, fragments, sessions. Times in nanoseconds."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

ABSENT, ACCEPTING, DRAINING, DOWN = range(4)
CLEAR, TRANSITION, CONSULT = range(3)
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
NS = 10**9


@dataclass(slots=True)
class Tunnel:
    """`type` as in the configuration; `mtu`: the longest packet that fits inside, 0: any."""

    type: str
    source: str = "10.1.10.1"
    port: int = 0
    mtu: int = 0
    dscp: int = 0


@dataclass(slots=True)
class Real:
    """A place in a service's block of reals. `id` 0: nobody's."""

    id: int
    address: str = "10.1.10.10"
    state: int = ACCEPTING
    consult: bool = False
    mac: bytes | None = bytes.fromhex("020000000110")
    vlan: int = 0
    ifindex: int = 0
    load: int = 0
    tunnel: Tunnel | None = None

    @property
    def alive(self) -> bool:
        return self.state in (ACCEPTING, DRAINING)


@dataclass(slots=True)
class First:
    """The table from the start of the transition, and how its hash was made."""

    table: list[int]
    seed: int = 0
    sticky: bool = False


@dataclass
class Service:
    """`port` 0: any that has no service of its own. `track`: "needed", "full" or "minimal"."""

    address: str
    port: int
    protocol: int
    reals: list[Real]
    table: list[int]  # the owner of each slot, as index into `reals`
    track: str = "needed"
    slots: list[int] = field(default_factory=list)  # the state of each slot
    first: First | None = None
    sticky: bool = False
    leastconn: bool = False

    def __post_init__(self) -> None:
        self.slots = self.slots or [CLEAR] * len(self.table)
        self.packed = ipaddress.ip_address(self.address).packed

    @property
    def full(self) -> bool:
        return self.leastconn or self.track == "full"

    def published(self) -> list[int]:
        return [i for i, real in enumerate(self.reals) if real.state == ACCEPTING]


@dataclass(slots=True)
class Entry:
    """A flow that the tables cannot answer for."""

    real: int  # index in the service's block
    real_id: int
    hash: int
    last: int


@dataclass(slots=True)
class Kept:
    """Of a fragment or a session: whose it is, and since or until when."""

    place: tuple[int, int]  # number of the service, index of the real
    real_id: int
    time: int
