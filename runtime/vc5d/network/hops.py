"""The way to reals in other networks: the next hop, by the kernel's own routes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .rtnetlink import Message, routes_to
from .trunks import Trunks, read_trunks
from .vlans import Missing, Place


@dataclass(frozen=True)
class Hop:
    """What the program is told. mac: of the router, or of the real itself; None: not known now. vlan: the tag
    of frames to it, 0 for none. out: the interface to send by, 0: back out of the one that the packet came in
    by. source: this host's address there. mtu: of the way, 0: not known."""

    mac: str | None
    vlan: int
    out: int
    source: str
    mtu: int


@dataclass(frozen=True)
class Route:
    """To a real. hop: the address whose MAC frames go to: a router's, or the real's own where it is on the
    same network. place: where that is. own: the MAC of the interface."""

    hop: str
    place: Place
    mtu: int
    own: str

    def told(self, mac: str | None) -> Hop:
        return Hop(mac, self.place.vlan, self.place.out, self.place.source, self.mtu)


async def find_routes(
    netlink: AsyncIPRoute, reals: Iterable[str], attached: frozenset[str]
) -> dict[str, Route | Missing]:
    """attached: names of the interfaces that the XDP program runs on."""
    wanted = sorted(reals)
    if not wanted:
        return {}
    trunks = await read_trunks(netlink, attached)
    links = {each["index"]: each for each in [each async for each in await netlink.link("dump")]}
    routes = await asyncio.to_thread(routes_to, wanted)
    return {real: _route(real, route, attached, trunks, links) for real, route in routes.items()}


def _route(
    real: str,
    route: Message | NetlinkError,
    attached: frozenset[str],
    trunks: Trunks,
    links: dict[int, Any],
) -> Route | Missing:
    if isinstance(route, NetlinkError):
        return Missing(f"no route to it: {route}")
    link = links.get(route.get("oif", 0))
    if link is None or not route.get("prefsrc"):
        return Missing("the route to it leads through no interface that has an address")
    if not link.get("address") or link.get("ifname") == "lo":
        return Missing(f"the route to it leads through {link.get('ifname')}, which is no Ethernet")
    index, name = link["index"], link.get("ifname")
    if name in attached:
        place = Place(index, name, route["prefsrc"], 0, index)
    else:
        ports = trunks.ports(index)
        place = Place(index, name, route["prefsrc"], trunks.tag(index), trunks.out(ports))
    mtu = route.get("mtu") or link.get("mtu") or 0  # the route's: perhaps of path MTU discovery
    hop = route.get("gateway") or route.get("via") or real  # via: of the other family (RFC 5549)
    return Route(hop, place, int(mtu), link.get("address"))


def source_for(family: int, route: Route, addresses: Iterable[tuple[str, str]]) -> str | None:
    """This host's address that answers of a VIP of this family come to: that of the route, or one of the
    other family, on the same interface if there is one. addresses: interface and address."""
    if _family(route.place.source) == family:
        return route.place.source
    others = [(name, address) for name, address in addresses if _family(address) == family]
    same = [address for name, address in others if name == route.place.ifname]
    return next(iter(same or [address for _, address in others]), None)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
