"""A load balancer's trunk as a bond: two cables to the switch, joined by LACP (802.3ad) at both ends.

Needs a kernel with bonding and 8021q: the stand-in for VLAN devices (switch.py) does not work over a bond.
"""

from __future__ import annotations

import subprocess
from functools import cache

from lab.host import run
from lab.plan import Host, Names

MEMBERS = ("a", "b")
# layer3+4: by the flow, at both ends; the MAC addresses are always the same two. Fast: a member from which
# nothing comes any more is out after 3 s, and one that is back is in after 1 s.
_BOND = "type bond mode 802.3ad miimon 50 lacp_rate fast xmit_hash_policy layer3+4"


@cache
def has_bonding(netns: str) -> bool:
    """Can this kernel make bonds? Tried once in a namespace."""
    add = ["ip", "-n", netns, "link", "add", "probe", "type", "bond"]
    made = subprocess.run(add, capture_output=True, check=False).returncode == 0
    if made:
        run(["ip", "-n", netns, "link", "del", "probe"])
    return made


def members(port: str) -> tuple[str, ...]:
    return tuple(port + member for member in MEMBERS)


def cables(names: Names, balancer: Host, switch: str) -> None:
    """Both ends: `eth0` over eth0a and eth0b at the load balancer, and the same by its name at the switch."""
    here, there = names.netns(balancer.name), names.netns(switch)
    ends = zip(members("eth0"), members(balancer.name), strict=True)
    lines = [f"link add {other} type veth peer name {own} netns {here}" for own, other in ends]
    run(["ip", "-n", there, "-batch", "-"], stdin="\n".join(lines))
    for netns, port, address in ((here, "eth0", f"address {balancer.mac}"), (there, balancer.name, "")):
        lines = [f"link add {port} {address} {_BOND}"]
        lines += [f"link set {member} master {port}" for member in members(port)]
        run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines))


def agreed(names: Names, netns: str, port: str) -> int:
    """How many members LACP has found to be of one link with the same partner, and in use."""
    said = run(["cat", f"/proc/net/bonding/{port}"], netns=names.netns(netns))
    ports = said.split("Slave Interface:")[1:]
    # 0x3c: in step with the partner (synchronization), collecting, distributing, and part of an aggregate.
    return sum("MII Status: up" in port and all(_in_use(port)) for port in ports)


def _in_use(port: str) -> list[bool]:
    states = [int(line.split(":")[1]) for line in port.splitlines() if "port state:" in line]
    return [state & 0x3C == 0x3C for state in states] or [False]


def cut(names: Names, switch: str, member: str) -> None:
    run(["ip", "-n", names.netns(switch), "link", "set", member, "down"])


def plug(names: Names, switch: str, member: str) -> None:
    run(["ip", "-n", names.netns(switch), "link", "set", member, "up"])
