"""Where each real is: the interface of its VLAN, found by an address of this host inside the VLAN's prefix.

Without VLANs (simple mode) the kernel's own route to the real says which interface.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_interface
from typing import TYPE_CHECKING, Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

if TYPE_CHECKING:
    from .document import Document


@dataclass(frozen=True)
class Place:
    """vlan: the tag of frames to the real, 0 for none. source: this host's address on the interface.
    out: the index of the interface that the program sends to the real by; 0: the one a packet came in by."""

    ifindex: int
    ifname: str
    source: str
    vlan: int
    out: int = 0


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
    places: Places = {}
    by_vlan = vlan_interfaces(document.vlans, addresses, attached)
    for real, neighbor in document.neighbors.items():
        if not _is_ipv4(real):
            places[real] = Missing("IPv6 is not supported yet")
        elif neighbor.vlan is None:
            places[real] = await _by_route(netlink, real, attached)
        else:
            places[real] = by_vlan.get(neighbor.vlan, Missing(f"VLAN {neighbor.vlan} is not in the document"))
    return places


def vlan_interfaces(
    vlans: Mapping[int, str], addresses: list[HostAddress], attached: frozenset[str]
) -> dict[int, Place | Missing]:
    """VLAN id -> its interface. If that is one that the program itself is attached to, then the VLAN is
    untagged there: frames to it carry no tag."""
    result: dict[int, Place | Missing] = {}
    for vlan, prefix in vlans.items():
        network = ip_interface(prefix).network
        inside = [each for each in addresses if IPv4Address(each.address) in network]
        if inside:
            first = inside[0]
            tag, out = (0, first.ifindex) if first.ifname in attached else (vlan, 0)
            result[vlan] = Place(first.ifindex, first.ifname, first.address, tag, out)
        else:
            result[vlan] = Missing(f"no interface here has an address in VLAN {vlan} ({network})")
    return result


async def host_addresses(netlink: AsyncIPRoute) -> list[HostAddress]:
    """Every IPv4 address of this host but loopback's, in the kernel's order."""
    names = dict(socket.if_nameindex())
    messages = [each async for each in await netlink.get_addr(family=socket.AF_INET)]
    found = [(each["index"], each.get("local") or each.get("address")) for each in messages]
    return [
        HostAddress(index, names[index], address)
        for index, address in found
        if index in names and not IPv4Address(address).is_loopback
    ]


async def _by_route(netlink: AsyncIPRoute, real: str, attached: frozenset[str]) -> Place | Missing:
    try:
        (route,) = await netlink.route("get", dst=real)
    except NetlinkError as failure:
        return Missing(f"no route to it: {failure}")
    return _directly(route, attached)


def _directly(route: Any, attached: frozenset[str]) -> Place | Missing:
    if route.get("gateway"):
        return Missing(f"behind the router {route.get('gateway')}, not on a subnet of this host")
    index = route.get("oif")
    ifname = dict(socket.if_nameindex()).get(index, str(index))
    return Place(index, ifname, route.get("prefsrc"), 0, index if ifname in attached else 0)


def _is_ipv4(address: str) -> bool:
    return ":" not in address
