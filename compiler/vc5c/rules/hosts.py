"""Rules about addresses that are possible, and still no server's."""

from __future__ import annotations

from vc5c.addresses import Address, read_address
from vc5c.model import Vlan
from vc5c.rules import Whole
from vc5c.vlans import VlanFinder

SHORTEST = 4  # addresses: in a prefix of fewer, the first and last are hosts too (RFC 3021)


def servers_are_hosts(whole: Whole) -> None:
    vlans = VlanFinder(whole.config.vlans)
    for case in whole.cases:
        for server in case.servers:
            vlan = vlans.of(server.address)
            if vlan is None:
                continue
            note = (f"VLAN {vlan.id} is here", vlan.place)
            kind = _not_a_host(server.address, vlan)
            if kind:
                message = f"{server.address} is the {kind} address of VLAN {vlan.id}, {vlan.written}"
                whole.problems.warning("network-address", message, server.place, note)
            elif server.address is _gateway(vlan):
                message = f"the server {server.address} is the gateway that VLAN {vlan.id} is written with"
                whole.problems.warning("server-is-gateway", message, server.place, note)


def _not_a_host(address: Address, vlan: Vlan) -> str:
    first, last = vlan.prefix.first, vlan.prefix.last
    if last - first + 1 < SHORTEST:
        return ""
    return {first: "network", last: "broadcast"}.get(address.number, "")


def _gateway(vlan: Vlan) -> Address | None:
    """The host part of 10.1.10.254/24; None of 10.1.10.0/24."""
    address = read_address(vlan.written.partition("/")[0])
    return address if address is not None and address.number != vlan.prefix.first else None


def multicast_is_multicast(whole: Whole) -> None:
    place = whole.config.places.get("multicast")
    if place is None:
        return
    text = str(whole.config.passed_on.get("multicast"))
    host, _, _port = text.rpartition(":")
    address = read_address((host or text).strip("[]")) or read_address(text)
    if address is None or not _is_multicast(address):
        message = f"`{text}` is no multicast address"
        whole.problems.warning("multicast-address", message, place, hint="such as 224.0.0.1:12345")


def _is_multicast(address: Address) -> bool:
    return 224 <= address.packed[0] < 240 if address.version == 4 else address.packed[0] == 0xFF
