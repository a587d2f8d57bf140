"""The next hop on the way to a real in another network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hop:
    """mac: of the router, or of the real itself; None: not known now. vlan: the tag of frames to it, 0 for
    none. out: the interface that the program sends by, 0: back out of the one that the packet came in by.
    source: this host's address there. mtu: of the way, 0: not known."""

    mac: str | None
    vlan: int
    out: int
    source: str
    mtu: int
