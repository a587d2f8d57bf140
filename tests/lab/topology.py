"""Namespaces, cables, addresses and routes of the lab. Daemons come later: bird.py, nginx.py, balancer.py."""

from __future__ import annotations

from pathlib import Path

from lab import bond, switch
from lab.host import run
from lab.plan import (
    CLIENT,
    CLIENT6,
    CLIENT_GATEWAY,
    CLIENT_GATEWAY6,
    PINNED_CLIENT,
    ROUTER_NUMBER,
    SECOND_VIP,
    VIP,
    VIP6,
    VLANS,
    VLANS6,
    Host,
    Names,
)

# A new namespace inherits the host's settings, which may be anything.
COMMON = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_dad": "0",
}
ROUTER = {
    "ipv4/ip_forward": "1",
    "ipv4/fib_multipath_hash_policy": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/fib_multipath_hash_policy": "1",
}
# A real server holds the VIP but must never answer ARP for it: that is the router's business. Neighbor
# solicitations are answered for an interface's own addresses only, so IPv6 needs no such setting.
REAL = {"ipv4/conf/all/arp_ignore": "1", "ipv4/conf/all/arp_announce": "2"}


def build(names: Names, bonded: bool = False) -> None:
    """Everything up to the point where each host reaches the router. Raises LabError.

    bonded: the load balancers' trunks are bonds of two cables.
    """
    _namespaces_and_cables(names, bonded)
    _router(names)
    _client(names)
    for real in names.reals:
        _real(names, real)
    for balancer in names.balancers:
        _balancer(names, balancer, bonded)
    switch.build(names, bonded)


def _namespaces_and_cables(names: Names, bonded: bool) -> None:
    ns = names.netns
    ends = [host.name for host in (*names.balancers, *names.reals)]
    hosts = ["client", "router", switch.NETNS, *ends]
    run(["ip", "-batch", "-"], stdin="\n".join(f"netns add {ns(host)}" for host in hosts))
    # From within: Linux 6.1 refuses a name that is taken where one asks, wherever the device is to be.
    _ip(names, "router", f"link add client type veth peer name eth0 netns {ns('client')}")
    lines = [f"link add router{vlan} type veth peer name eth{vlan} netns {ns('router')}" for vlan in VLANS]
    for number, balancer in enumerate(() if bonded else names.balancers, 1):
        end = f"eth0 netns {ns(balancer.name)} index {switch.TRUNK} address {balancer.mac}"
        lines.append(f"link add {balancer.name} index {number * switch.TRUNK} type veth peer name {end}")
    for real in names.reals:
        end = f"eth0 netns {ns(real.name)} address {real.mac}"
        lines.append(f"link add {real.name} type veth peer name {end}")
    _ip(names, switch.NETNS, *lines)
    for balancer in names.balancers if bonded else ():
        bond.cables(names, balancer, switch.NETNS)
    for host in hosts:
        _sysctl(names, host, COMMON)
    ports = [*(f"router{vlan}" for vlan in VLANS), *ends]
    _ip(names, switch.NETNS, "link set lo up", *(f"link set {port} up" for port in ports))


def _router(names: Names) -> None:
    _sysctl(names, "router", ROUTER)
    lines = ["link set lo up", "link set client up", f"address add {CLIENT_GATEWAY}/24 dev client"]
    lines += [f"address add {CLIENT_GATEWAY6}/64 dev client nodad"]
    for vlan, prefix in VLANS.items():
        lines += [f"link set eth{vlan} up", f"address add {prefix}.{ROUTER_NUMBER}/24 dev eth{vlan}"]
        lines += [f"address add {VLANS6[vlan]}::{ROUTER_NUMBER}/64 dev eth{vlan} nodad"]
    _ip(names, "router", *lines)
    for device in ("client", *(f"eth{vlan}" for vlan in VLANS)):
        switch.plain_frames(names.netns("router"), device)


def _client(names: Names) -> None:
    _ip(
        names,
        "client",
        "link set lo up",
        "link set eth0 up",
        f"address add {CLIENT}/24 dev eth0",
        f"address add {PINNED_CLIENT}/24 dev eth0",
        f"address add {CLIENT6}/64 dev eth0 nodad",
        f"route add default via {CLIENT_GATEWAY}",
        f"route add default via {CLIENT_GATEWAY6}",
    )
    switch.plain_frames(names.netns("client"), "eth0")
    # The story picks source ports; those that the kernel picks stay out of the way.
    _sysctl(names, "client", {"ipv4/ip_local_port_range": "50000 60999"})


def _real(names: Names, real: Host) -> None:
    _sysctl(names, real.name, REAL)
    _ip(
        names,
        real.name,
        "link set lo up",
        "link set eth0 up",
        f"address add {VIP}/32 dev lo",
        f"address add {SECOND_VIP}/32 dev lo",
        f"address add {VIP6}/128 dev lo nodad",
        f"address add {real.address}/24 dev eth0",
        f"address add {real.address6}/64 dev eth0 nodad",
        f"route add default via {VLANS[real.vlan]}.{ROUTER_NUMBER}",
        f"route add default via {VLANS6[real.vlan]}::{ROUTER_NUMBER}",
    )
    switch.plain_frames(names.netns(real.name), "eth0")


def _balancer(names: Names, host: Host, bonded: bool) -> None:
    netns = names.netns(host.name)
    _ip(names, host.name, "link set lo up", "link set eth0 up")
    for device in ("eth0", *(bond.members("eth0") if bonded else ())):
        switch.plain_frames(netns, device)
    switch.vlan_devices(netns, "eth0", "vlan{vlan}")
    lines = []
    for vlan in VLANS:
        lines += [f"link set vlan{vlan} up", f"address add {host.address_in(vlan)}/24 dev vlan{vlan}"]
        lines += [f"address add {host.address6_in(vlan)}/64 dev vlan{vlan} nodad"]
    gateway = f"{VLANS[10]}.{ROUTER_NUMBER}"
    _ip(names, host.name, *lines, f"route add default via {gateway}")


def _ip(names: Names, host: str, *lines: str) -> None:
    run(["ip", "-n", names.netns(host), "-batch", "-"], stdin="\n".join(lines))


def _sysctl(names: Names, host: str, settings: dict[str, str]) -> None:
    """Written through the namespace of a process inside: /proc/sys/net shows the reader's own."""
    script = "\n".join(f"echo '{value}' > {Path('/proc/sys/net') / key}" for key, value in settings.items())
    run(["sh", "-e"], stdin=script, netns=names.netns(host))
