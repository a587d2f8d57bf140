"""Where each real is: the interface of its VLAN, found by an address of this host inside the VLAN's prefix.

Without VLANs (simple mode) the kernel's own route to the real says which interface.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .rtnetlink import Message, routes_to
from .trunks import Trunks, read_trunks

if TYPE_CHECKING:
    from ..document import Document

_NOT_YET = 0x08 | 0x40  # IFA_F_DADFAILED, IFA_F_TENTATIVE; both fit the 8 bits of ifaddrmsg


@dataclass(frozen=True)
class Place:
    """vlan: the tag of frames to the real, 0 for none. source: this host's address on the interface.
    out: the index of the interface that the program sends to the real by; 0: the one a packet came in by.
    gateway: whom checks are sent to instead of the real, "": nobody. mtu: of checks, 0: the interface's."""

    ifindex: int
    ifname: str
    source: str
    vlan: int
    out: int = 0
    gateway: str = ""
    mtu: int = 0


@dataclass(frozen=True)
class Missing:
    """The real cannot be reached from here; why, in words."""

    why: str


@dataclass(frozen=True)
class HostAddress:
    ifindex: int
    ifname: str
    address: str


Places = dict[str, Place | Missing]


async def find(
    netlink: AsyncIPRoute, document: Document, addresses: list[HostAddress], attached: frozenset[str]
) -> Places:
    """Real's address -> where it is, for every real of the document. addresses: of this host. attached: names
    of the interfaces that the XDP program runs on."""
    trunks = await read_trunks(netlink, attached)
    by_vlan = {
        4: vlan_interfaces(document.vlans, addresses, attached, trunks),
        6: vlan_interfaces(document.vlans6, addresses, attached, trunks),
    }
    untagged = [real for real, neighbor in document.neighbors.items() if neighbor.vlan is None]
    routes = await asyncio.to_thread(routes_to, untagged) if untagged else {}
    names = dict(socket.if_nameindex())
    places: Places = {}
    for real, neighbor in document.neighbors.items():
        if neighbor.vlan is None:
            places[real] = _by_route(routes[real], names, attached, trunks)
        else:
            absent = Missing(f"VLAN {neighbor.vlan} is not in the document")
            places[real] = by_vlan[6 if ":" in real else 4].get(neighbor.vlan, absent)
    return places


def vlan_interfaces(
    vlans: Mapping[int, str],
    addresses: list[HostAddress],
    attached: frozenset[str],
    trunks: Trunks | None = None,
) -> dict[int, Place | Missing]:
    """VLAN id -> its interface, of one family's `vlans`. On an interface that the program itself is attached
    to, or on a bond of such, the VLAN is untagged: frames to it carry no tag."""
    trunks = trunks or Trunks()
    result: dict[int, Place | Missing] = {}
    for vlan, prefix in vlans.items():
        network = ip_interface(prefix).network
        inside = [each for each in addresses if ip_address(each.address) in network]
        if not inside:
            result[vlan] = Missing(f"no interface here has an address in VLAN {vlan} ({network})")
            continue
        first = inside[0]
        if first.ifname in attached:
            tag, out = 0, first.ifindex
        else:
            # Several interfaces with an address in one prefix are ways into the same network.
            ports = frozenset[int]().union(*(trunks.ports(each.ifindex) for each in inside))
            untagged = trunks.ports(first.ifindex) and not trunks.tag(first.ifindex)
            tag, out = 0 if untagged else vlan, trunks.out(ports)
        result[vlan] = Place(first.ifindex, first.ifname, first.address, tag, out)
    return result


async def host_addresses(netlink: AsyncIPRoute) -> list[HostAddress]:
    """Every address of this host but loopback's and link-local ones, in the kernel's order; and but IPv6
    ones whose uniqueness is not proved yet, since no route may name them as its source (an event follows)."""
    names = dict(socket.if_nameindex())
    messages = [each async for each in await netlink.addr("dump") if not each["flags"] & _NOT_YET]
    found = [(each["index"], each.get("local") or each.get("address")) for each in messages]
    return [
        HostAddress(index, names[index], address)
        for index, address in found
        if index in names and _reaches_others(address)
    ]


def _reaches_others(address: str) -> bool:
    parsed = ip_address(address)
    return not parsed.is_loopback and not (parsed.version == 6 and parsed.is_link_local)


def _by_route(
    route: Message | NetlinkError, names: Mapping[int, str], attached: frozenset[str], trunks: Trunks
) -> Place | Missing:
    if isinstance(route, NetlinkError):
        return Missing(f"no route to it: {route}")
    if router := route.get("gateway") or route.get("via"):
        return Missing(f"behind the router {router}, not on a subnet of this host")
    index = route.get("oif", 0)
    ifname, source = names.get(index, str(index)), route.get("prefsrc", "")
    if ifname in attached:
        return Place(index, ifname, source, 0, index)
    return Place(index, ifname, source, trunks.tag(index), trunks.out(trunks.ports(index)))
