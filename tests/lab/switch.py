"""The switch: one bridge per VLAN. Access ports are plain ports of a bridge; a trunk has a device per VLAN.

Those devices are real VLAN devices where the kernel has 8021q, else veth ends with tags by tc-BPF
(vlan.bpf.c, which also says how interface indexes are laid out).
"""

from __future__ import annotations

import subprocess
from functools import cache

from lab import bond
from lab.host import run
from lab.plan import BUILD, VLANS, Names

TRUNK = 4096  # as in vlan.bpf.c
NETNS = "switch"


@cache
def has_8021q(netns: str) -> bool:
    """Can this kernel make VLAN devices? Tried once in a namespace, on a veth: loopback carries none."""
    run(["ip", "-n", netns, "link", "add", "probe", "type", "veth", "peer", "name", "probe-"])
    vlan = ["ip", "-n", netns, "link", "add", "link", "probe", "name", "probe.1", "type", "vlan", "id", "1"]
    made = subprocess.run(vlan, capture_output=True, check=False).returncode == 0
    run(["ip", "-n", netns, "link", "del", "probe"])
    return made


def vlan_devices(netns: str, trunk: str, name: str, index: int = TRUNK) -> None:
    """Give a trunk one device per VLAN, called `name` with {vlan} filled in; the MAC is the trunk's."""
    if has_8021q(netns):
        lines = [f"link add link {trunk} name {name.format(vlan=vlan)} type vlan id {vlan}" for vlan in VLANS]
        run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines))
        return
    mac = run(["ip", "-n", netns, "-br", "link", "show", trunk]).split()[2]
    lines = []
    for vlan in VLANS:
        device = name.format(vlan=vlan)
        # The other end only makes this one a device with a carrier; no frame ever reaches it.
        lines += [
            f"link add {device} index {index + vlan} address {mac} type veth peer name {device}-",
            f"link set {device}- up",
        ]
    run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines))
    hooks = [f"qdisc add dev {trunk} clsact", _hook(trunk, "ingress", "untag")]
    for vlan in VLANS:
        device = name.format(vlan=vlan)
        plain_frames(netns, device)
        hooks += [f"qdisc add dev {device} clsact", _hook(device, "egress", "tag")]
    run(["tc", "-n", netns, "-batch", "-"], stdin="\n".join(hooks))


def _hook(device: str, direction: str, section: str) -> str:
    program = f"obj {BUILD / 'lab/vlan.bpf.o'} sec tc/{section}"
    return f"filter add dev {device} {direction} bpf direct-action {program}"


def plain_frames(netns: str, device: str) -> None:
    """Let every frame on this device be whole: checksum and tag in it, no longer than the MTU.

    A veth otherwise passes on what a network card would have finished, and XDP at the other end would
    see a frame without its tag or checksum.
    """
    off = ["tx", "off", "tso", "off", "gso", "off", "gro", "off", "txvlan", "off"]
    run(["ethtool", "-K", device, *off], netns=netns)


def build(names: Names, bonded: bool = False) -> None:
    """The bridges and ports; the cables (veths named after the hosts at their other end) are there."""
    netns = names.netns(NETNS)
    lines = []
    for vlan in VLANS:
        lines += [
            f"link add br{vlan} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set br{vlan} up",
            f"link set router{vlan} master br{vlan}",
        ]
    lines += [f"link set {real.name} master br{real.vlan}" for real in names.reals]
    run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines))
    for number, balancer in enumerate(names.balancers, 1):
        port = balancer.name
        for device in (port, *(bond.members(port) if bonded else ())):
            plain_frames(netns, device)
        # What a load balancer sends by XDP_TX arrives here only because there is a program here too.
        program = ["xdp", "obj", str(BUILD / "lab/pass.bpf.o"), "sec", "xdp"]
        run(["ip", "-n", netns, "link", "set", "dev", port, *program])
        vlan_devices(netns, port, port + ".{vlan}", number * TRUNK)
        # A network card takes no frames to others' MACs, which a switch floods; a veth would.
        ports = [
            f"link set {port}.{vlan} master br{vlan}\n"
            f"link set {port}.{vlan} type bridge_slave flood off\n"
            f"link set {port}.{vlan} up"
            for vlan in VLANS
        ]
        run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(ports))


def cut(names: Names, port: str) -> None:
    """Pull the cable out of a port."""
    run(["ip", "-n", names.netns(NETNS), "link", "set", port, "down"])


def plug(names: Names, port: str) -> None:
    """Put it back."""
    run(["ip", "-n", names.netns(NETNS), "link", "set", port, "up"])
