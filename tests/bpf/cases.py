"""One case for each behaviour of a single packet, its bytes and its counter said by hand.

A case: what goes in, what becomes of it, what comes out, what is counted. All meet the same services: of each
family TCP 80 and UDP 53, with one real, whose MAC is `MAC`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .model import DROP, PASS, REDIRECT, TX, Real, Service
from .packets import BALANCER, DOT1Q, FAMILIES, MAC, TCP, UDP, Family, ethernet


@dataclass(frozen=True)
class Case:
    """`out` None: the frame leaves as it came. `reason`: the counter that rises by one; "": the real's.
    `vlan` and `ifindex`: of the real."""

    name: str
    frame: bytes
    verdict: int
    out: bytes | None = None
    reason: str = ""
    vlan: int = 0
    ifindex: int = 0
    vlans: tuple[int, ...] = (10, 20)  # that are known
    down: bool = False  # the VIP
    own: tuple[tuple[int, bytes], ...] = ((0, BALANCER),)  # as the model's Balancer has it

    def named(self, family: Family) -> Case:
        return replace(self, name=f"IPv{family.version}: {self.name}")


def passes(name: str, frame: bytes, reason: str, **more: object) -> Case:
    return Case(name, frame, PASS, None, reason, **more)  # type: ignore[arg-type]


def drops(name: str, payload: bytes, reason: str, **more: object) -> Case:
    return Case(name, ethernet(payload), DROP, None, reason, **more)  # type: ignore[arg-type]


def sent(payload: bytes, tci: int | None = None, tpid: int = DOT1Q) -> bytes:
    """The frame as it goes to the real."""
    return ethernet(payload, dst=MAC, src=BALANCER, tci=tci, tpid=tpid)


def forwards(name: str, payload: bytes) -> Case:
    return Case(name, ethernet(payload), TX, sent(payload))


def redirects(name: str, payload: bytes, ifindex: int) -> Case:
    return Case(name, ethernet(payload), REDIRECT, sent(payload), ifindex=ifindex)


def services(vlan: int = 0, ifindex: int = 0) -> list[Service]:
    """What every case meets."""
    return [
        Service(family.vip, port, protocol, [Real(7 + n, mac=MAC, vlan=vlan, ifindex=ifindex)], [0] * 31)
        for n, (family, port, protocol) in enumerate(
            (family, port, protocol) for family in FAMILIES for port, protocol in ((80, TCP), (53, UDP))
        )
    ]


def of_families(make: object) -> Iterator[Case]:
    """The cases that `make` gives, for each family."""
    for family in FAMILIES:
        for case in make(family):  # type: ignore[operator]
            yield case.named(family)
