"""Rules about addresses: VIPs, servers, VLANs and neighbors."""

from __future__ import annotations

from vc5c.addresses import Address
from vc5c.cascade import tunnelled
from vc5c.problems import Place
from vc5c.rules import Whole
from vc5c.tunnels import kind_of
from vc5c.vlans import VlanFinder, overlapping


def vips_fit(whole: Whole) -> None:
    vlans = VlanFinder(whole.config.vlans + whole.config.vlans6)
    for address, place in _vips(whole).items():
        if address.unfit:
            message = f"{address} cannot be a virtual IP: {address.unfit}"
            whole.problems.error("not-unicast", message, place)
        vlan = vlans.of(address)
        if vlan is not None:
            note = (f"VLAN {vlan.id} is here", vlan.place)
            hint = "announce a VIP from a prefix of its own: within a VLAN, ARP would be asked for it"
            message = f"the VIP {address} is inside VLAN {vlan.id}"
            whole.problems.error("vip-in-vlan", message, place, note, hint=hint)


def servers_fit(whole: Whole) -> None:
    vips = _vips(whole)
    for address, place in _servers(whole).items():
        if address.unfit:
            message = f"{address} cannot be a real server: {address.unfit}"
            whole.problems.error("not-unicast", message, place)
        if address in vips:
            note = ("the VIP is here", vips[address])
            whole.problems.error("server-is-vip", f"the server {address} is a VIP too", place, note)


def families_agree(whole: Whole) -> None:
    """In layer 2 a real answers for the VIP on its own segment: checks and frames are of one family; and DSCP
    marking only changes the address."""
    for case in whole.cases:
        if tunnelled(case.settings) and kind_of(case.settings) != "dscp":
            continue
        pairs = ((vip, server) for vip in case.service.vips for server in case.servers)
        mixed = next(((v, s) for v, s in pairs if v.address.version != s.address.version), None)
        if mixed is not None:
            vip, server = mixed
            message = f"{vip.address} is IPv{vip.address.version}, and its server {server.address} is not"
            note = ("the server is here", server.place)
            hint = "a service of its own for each family, or a tunnel (`tunnel-type`)"
            whole.problems.error("family-mismatch", message, vip.place, note, hint=hint)


def vlans_apart(whole: Whole) -> None:
    for vlans in (whole.config.vlans, whole.config.vlans6):
        for pair in overlapping(vlans):
            first, second = sorted(pair, key=lambda vlan: vlan.place.order)
            note = (f"VLAN {first.id} is here", first.place)
            message = f"{second.written} of VLAN {second.id} overlaps {first.written} of VLAN {first.id}"
            whole.problems.error("vlan-overlap", message, second.place, note)


def servers_in_vlans(whole: Whole) -> None:
    """Only where VLANs are defined, and no tunnel is used: without, all servers are on one subnet."""
    config = whole.config
    if not config.vlans and not config.vlans6:
        return
    finder = VlanFinder(config.vlans + config.vlans6)
    for case in whole.cases:
        if tunnelled(case.settings):
            continue
        for server in case.servers:
            key, vlans = ("vlans", config.vlans) if server.address.version == 4 else ("vlans6", config.vlans6)
            if finder.of(server.address) is None:
                known = ", ".join(f"{vlan.id}: {vlan.written}" for vlan in vlans[:8]) or "none"
                message, hint = f"{server.address} is in no VLAN", f"prefixes in `{key}`: {known}"
                whole.problems.error("server-in-no-vlan", message, server.place, hint=hint)


def neighbors_make_sense(whole: Whole) -> None:
    servers = _servers(whole)
    for address, (mac, place) in whole.config.neighbors.items():
        if address not in servers:
            whole.problems.warning("unused", f"the neighbor {address} is no server of any service", place)
        if mac and (int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00"):
            whole.problems.error("bad-mac", f"{mac} is no single station's MAC address", place)


def announced_vips_exist(whole: Whole) -> None:
    """`vips` of BGP that hold no VIP. A name may stand for several prefixes: one with a VIP will do."""
    vips = _vips(whole)
    routes = [route for peer in whole.config.peers for route in (peer.vips or {}).values()]
    useful = {route.place for route in routes if any(vip in route.prefix for vip in vips)}
    for route in routes:
        if route.place not in useful:
            whole.problems.warning("unused", "no VIP is among these `vips`", route.place)


def _vips(whole: Whole) -> dict[Address, Place]:
    return {vip.address: vip.place for service in whole.config.services for vip in service.vips}


def _servers(whole: Whole) -> dict[Address, Place]:
    return {server.address: server.place for case in whole.cases for server in case.servers}
