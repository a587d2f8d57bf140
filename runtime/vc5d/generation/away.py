"""Reals in other networks: the words of `struct real` that say so, and the addresses that tunnels begin at.

Which tunnel, a document says; where it leads (next hop, interface, source, MTU) the kernel's routes do,
live. Both meet in one tunnel word, which is one store; and the link word says that there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..document import Tunnel
from ..xdp.layout import LinkBits, TunnelBits, TunnelType
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before
from .packing import packed

AWAY = 1 << LinkBits.TUNNEL_SHIFT
KIND = int(TunnelBits.TYPE_MASK)
_LIVE = 0xFFFFFFFF << TunnelBits.MTU_SHIFT  # MTU and source; the rest is the document's
_MOST = 0xFFFF
_SHIM = {"gre": 4, "fou": 8, "gue": 12}
_IP = {False: 20, True: 40}


@dataclass(frozen=True)
class Route:
    """Where a real is reached. link: the next hop's MAC and VLAN, as in struct real, 0: not known. ifindex:
    where to send, 0: back out. source: index into `tunnel_sources`, 0: none. mtu: of the way, 0: not
    known."""

    link: int = 0
    ifindex: int = 0
    source: int = 0
    mtu: int = 0


@dataclass(frozen=True)
class Way:
    """What struct real says of how to get there."""

    link: int
    ifindex: int
    tunnel: int = 0


def way(tunnel: Tunnel, address: str, route: Route) -> Way:
    """Through this tunnel. Nothing is sent before all of it is known."""
    known = route.link and (route.source or tunnel.kind == "dscp")
    live = room(tunnel, address, route.mtu) << TunnelBits.MTU_SHIFT | route.source << TunnelBits.SOURCE_SHIFT
    return Way(route.link | AWAY if known else 0, route.ifindex, constant(tunnel, address) | live)


def constant(tunnel: Tunnel, address: str) -> int:
    """The document's part of a tunnel word."""
    port = int.from_bytes(tunnel.port.to_bytes(2, "big"), "little")
    return (
        TunnelType[tunnel.kind.upper()]
        | (":" in address) << TunnelBits.OVER_IPV6_SHIFT
        | tunnel.dscp << TunnelBits.DSCP_SHIFT
        | port << TunnelBits.PORT_SHIFT
    )


def room(tunnel: Tunnel, address: str, mtu: int) -> int:
    """The longest packet that fits inside; 0: any."""
    known = [each for each in (mtu, tunnel.mtu) if each]
    if not known or tunnel.kind == "dscp":
        return 0
    return min(_MOST, max(1, min(known) - overhead(tunnel, address)))


def overhead(tunnel: Tunnel, address: str) -> int:
    """Bytes of the outer headers."""
    return 0 if tunnel.kind == "dscp" else _IP[":" in address] + _SHIM.get(tunnel.kind, 0)


def is_away(maps: Maps, index: int) -> bool:
    return bool(int(maps.reals["tunnel"][index]) & KIND)


def write_way(maps: Maps, index: int, way: Way) -> None:
    """Where a real is reached. The interface first: with the new MAC, frames must leave by it. The tunnel
    word is there before the link word says so, and goes after it."""
    maps.reals["ifindex"][index] = way.ifindex
    if way.tunnel:
        maps.reals["tunnel"][index] = way.tunnel
    stores_before()
    maps.reals["link"][index] = way.link
    if not way.tunnel and maps.reals["tunnel"][index]:
        stores_before()
        maps.reals["tunnel"][index] = 0


def same_tunnel(maps: Maps, index: int, tunnel: Tunnel | None, address: str) -> bool:
    """Whether the entry has this one already (or none, as wanted)."""
    there = int(maps.reals["tunnel"][index]) & ~_LIVE
    return there == (constant(tunnel, address) if tunnel else 0)


def turned(maps: Maps, index: int, route: Route) -> Way:
    """Another way to a real of which no document says the tunnel any more: the same as before, but for the
    route; its MTU is kept."""
    word = int(maps.reals["tunnel"][index])
    word &= ~(_MOST << TunnelBits.SOURCE_SHIFT)
    known = route.link and (route.source or word & KIND == TunnelType.DSCP)
    link = route.link | AWAY if known else 0
    return Way(link, route.ifindex, word | route.source << TunnelBits.SOURCE_SHIFT)


def source_index(maps: Maps, address: str) -> int:
    """Of an address in `tunnel_sources`, which gets it if it is new. 0: the map is full."""
    wanted = np.frombuffer(packed(address), "u1")
    entries = maps.tunnel_sources["addr"]
    same = np.flatnonzero((entries[1:] == wanted).all(axis=1))
    if len(same):
        return int(same[0]) + 1
    free = np.flatnonzero(~entries[1:].any(axis=1))
    if not len(free):
        free = _freed(maps)
    if not len(free):
        return 0
    index = int(free[0]) + 1
    entries[index] = wanted
    stores_before()
    return index


def _freed(maps: Maps) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Those that no real refers to, once no packet does either. Seldom: there are 255, one for each
    interface."""
    maps.wait_grace()
    used = set((maps.reals["tunnel"] >> np.uint64(TunnelBits.SOURCE_SHIFT)).tolist())
    return np.array([index - 1 for index in range(1, len(maps.tunnel_sources)) if index not in used], np.intp)
