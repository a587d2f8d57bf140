"""Cables and the switch. A machine's namespace and network cards are its hardware: `plug` puts them there as
they are after power-on, without addresses, routes, rules or programs; `unplug` takes them away again.
"""

from __future__ import annotations

import contextlib

from lab import switch
from lab.host import LabError, run
from lab.plan import BUILD, CLIENT, CLIENT6, CLIENT_GATEWAY, CLIENT_GATEWAY6, PINNED_CLIENT, VLANS

from fleet.plan import (
    BALANCERS,
    CONTROLLER,
    MANAGEMENT,
    REALS_GROUP,
    ROUTERS_GROUP,
    SWITCH,
    FleetNames,
    Machine,
)

_MANAGED = "brm"  # the management network's bridge


def build(names: FleetNames) -> None:
    """What stays while machines come and go: the switch, the client, and where the controller works."""
    for each in (SWITCH, CONTROLLER, "client"):
        run(["ip", "netns", "add", names.netns(each)])
        run(["ip", "-n", names.netns(each), "link", "set", "lo", "up"])
    bridges = [_MANAGED, *(f"br{vlan}" for vlan in VLANS)]
    lines = [f"link add {each} type bridge stp_state 0 forward_delay 0 mcast_snooping 0" for each in bridges]
    _ip(names, SWITCH, *lines, *(f"link set {each} up" for each in bridges))
    _cable(names, CONTROLLER, "mgmt0", CONTROLLER, _MANAGED)
    _ip(names, CONTROLLER, f"address add {MANAGEMENT}.1/24 dev mgmt0", "link set mgmt0 up")


def plug(names: FleetNames, machine: Machine) -> None:
    netns = names.netns(machine.name)
    run(["ip", "netns", "add", netns])
    settings = "echo 0 | tee /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6"
    run(["bash", "-c", settings], netns=netns)
    _cable(names, machine.name, "mgmt0", _port(machine, "m"), _MANAGED, _mac(machine, 0))
    if machine.group == REALS_GROUP:
        _cable(names, machine.name, "eth0", machine.name, f"br{machine.vlan}", machine.mac)
    elif machine.group == ROUTERS_GROUP:
        for vlan in VLANS:
            _cable(
                names, machine.name, f"eth{vlan}", _port(machine, str(vlan)), f"br{vlan}", _mac(machine, vlan)
            )
        _client(names, machine)
    else:
        _trunk(names, machine)


def unplug(names: FleetNames, machine: Machine) -> None:
    ports = [machine.name, *(_port(machine, end) for end in ("m", *map(str, VLANS)))]
    if machine.group == ROUTERS_GROUP:
        _delete(names, "client", "eth0")
    for port in (*ports, *(f"{machine.name}.{vlan}" for vlan in VLANS)):
        _delete(names, SWITCH, port)
    run(["ip", "netns", "del", names.netns(machine.name)])


def _mac(machine: Machine, number: int) -> str:
    """Of a card; the same after a reboot, since neighbors remember it."""
    return f"02:00:00:01:{number:02d}:{machine.position:02d}"


def _port(machine: Machine, end: str) -> str:
    return f"{machine.name}-{end}"


def _cable(names: FleetNames, host: str, card: str, port: str, bridge: str, mac: str = "") -> None:
    end = f"{card} netns {names.netns(host)} {f'address {mac}' if mac else ''}"
    # From within: Linux 6.1 minds a device of the card's name where one asks.
    _ip(names, SWITCH, f"link add {port} type veth peer name {end}")
    _ip(names, SWITCH, f"link set {port} master {bridge}", f"link set {port} up")
    switch.plain_frames(names.netns(host), card)


def _trunk(names: FleetNames, machine: Machine) -> None:
    """A load balancer's: a card with both VLANs tagged, and a device for each."""
    netns, bridge = names.netns(machine.name), names.netns(SWITCH)
    port, index = machine.name, (BALANCERS.index(machine) + 1) * switch.TRUNK
    card = f"eth0 netns {netns} index {switch.TRUNK} address {machine.mac}"
    _ip(names, SWITCH, f"link add {port} index {index} type veth peer name {card}")
    _ip(names, SWITCH, f"link set {port} up")
    _ip(names, machine.name, "link set eth0 up")  # or no VLAN's device has a carrier
    switch.plain_frames(bridge, port)
    switch.plain_frames(netns, "eth0")
    # What a load balancer sends by XDP_TX arrives here only because there is a program here too.
    program = ["xdp", "obj", str(BUILD / "lab/pass.bpf.o"), "sec", "xdp"]
    run(["ip", "-n", bridge, "link", "set", "dev", port, *program])
    switch.vlan_devices(netns, "eth0", "vlan{vlan}")
    switch.vlan_devices(bridge, port, port + ".{vlan}", index)
    for vlan in VLANS:
        _ip(names, SWITCH, f"link set {port}.{vlan} master br{vlan}", f"link set {port}.{vlan} up")


def _client(names: FleetNames, router: Machine) -> None:
    """Its cable ends in the router; it is up as soon as the router is."""
    peer = f"peer name eth0 netns {names.netns('client')}"
    _ip(names, router.name, f"link add client address {_mac(router, 99)} type veth {peer}")
    switch.plain_frames(names.netns("client"), "eth0")
    switch.plain_frames(names.netns(router.name), "client")
    _ip(
        names,
        "client",
        "link set eth0 up",
        f"address add {CLIENT}/24 dev eth0",
        f"address add {PINNED_CLIENT}/24 dev eth0",
        f"address add {CLIENT6}/64 dev eth0 nodad",
        f"route add default via {CLIENT_GATEWAY}",
        f"route add default via {CLIENT_GATEWAY6}",
    )
    # The story picks source ports; those that the kernel picks stay out of the way.
    ports = "echo 50000 60999 >/proc/sys/net/ipv4/ip_local_port_range"
    run(["sh", "-c", ports], netns=names.netns("client"))


def _delete(names: FleetNames, host: str, device: str) -> None:
    with contextlib.suppress(LabError):  # there are as many as the machine has cards
        run(["ip", "-n", names.netns(host), "link", "del", device])


def _ip(names: FleetNames, host: str, *lines: str) -> None:
    run(["ip", "-n", names.netns(host), "-batch", "-"], stdin="\n".join(lines))
