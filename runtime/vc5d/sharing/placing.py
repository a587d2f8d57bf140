"""Where sharing happens on this host: the group's interface, own addresses, the way to each peer."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from ..document import Document
from ..errors import Vc5Error
from ..network.vlans import HostAddress, host_addresses
from .settings import Address, Group, Settings

MTU = 1500  # the most that is hoped for on the way to a peer
_ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}  # RFC 5737, RFC 3849: where only a default route leads


@dataclass(frozen=True)
class Placed:
    listen: tuple[str, ...]
    peers: tuple[tuple[str, str], ...]
    group: Group | None
    mtu: int


async def place(netlink: AsyncIPRoute, document: Document, settings: Settings) -> Placed:
    """Raises Vc5Error."""
    addresses = await host_addresses(netlink)
    group, mtu = None, MTU
    if settings.group:
        group = await _group(netlink, document, settings, settings.group, addresses)
        (interface,) = await netlink.link("get", index=group.ifindex)
        mtu = int(interface.get("mtu"))
    own = {ip_address(each.address) for each in addresses}
    peers = [(peer, await _toward(netlink, peer)) for peer in settings.peers if peer not in own]
    reached = tuple((str(peer), source) for peer, source in peers if source)
    if settings.group is None and not reached:
        raise Vc5Error("flows cannot be shared: there is no way to any peer", "`ip route get PEER` says more")
    sources = {source for _, source in reached} | ({group.source} if group else set())
    return Placed(tuple(sorted(sources)), reached, group, min(mtu, MTU) if reached else mtu)


async def _group(
    netlink: AsyncIPRoute,
    document: Document,
    settings: Settings,
    address: Address,
    addresses: list[HostAddress],
) -> Group:
    index = await _interface(netlink, document, settings.interface, address, addresses)
    name = dict(socket.if_nameindex()).get(index, str(index))
    there = [each.address for each in addresses if each.ifindex == index]
    sources = [each for each in there if ip_address(each).version == address.version]
    if not sources:
        raise Vc5Error(
            f"flows cannot be shared by {address}: {name} has no IPv{address.version} address",
            "`sharing: interface:` names another",
        )
    return Group(str(address), index, sources[0], settings.ttl)


async def _interface(
    netlink: AsyncIPRoute, document: Document, named: str, address: Address, addresses: list[HostAddress]
) -> int:
    if named:
        try:
            return socket.if_nametoindex(named)
        except OSError:
            raise Vc5Error(
                f"flows cannot be shared: there is no interface {named}", "sharing: interface:"
            ) from None
    vlans = document.vlans6 if address.version == 6 else document.vlans
    for _, prefix in sorted(vlans.items()):
        network = ip_interface(prefix).network
        for each in addresses:
            if ip_address(each.address) in network:
                return each.ifindex
    for version in (address.version, 10 - address.version):
        with suppress(NetlinkError):
            (route,) = await netlink.route("get", dst=_ANYWHERE[version])
            return int(route.get("oif"))
    raise Vc5Error(
        f"flows cannot be shared by {address}: no interface is in a VLAN of the document, and there is no "
        "default route",
        "`sharing: interface:` names one",
    )


async def _toward(netlink: AsyncIPRoute, peer: Address) -> str:
    """This host's address toward a peer; "": there is no way to it now."""
    try:
        (route,) = await netlink.route("get", dst=str(peer))
    except NetlinkError:
        return ""
    return str(route.get("prefsrc") or "")
