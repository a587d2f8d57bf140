"""The lab as data: who is in it, with which addresses. Nothing here touches the host.

client ── router ══ switch ── lb1, lb2, … (trunks: VLANs 10 and 20 tagged)
                      └────── r10 … r23 (access ports: untagged)
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
COMMANDS = ROOT / ".venv" / "bin"
CONFIG = ROOT / "inventories" / "lab" / "config.yaml"

VIP = "192.168.101.1"
SECOND_VIP, SECOND_PORT = "192.168.101.2", 8080  # of the service that is checked by half-open connections
VIP6 = "2001:db8:101::1"  # of the IPv6 service
VLANS = {10: "10.1.10", 20: "10.1.20"}  # prefix without its last byte; all are /24
VLANS6 = {10: "fd00:1:10", 20: "fd00:1:20"}  # prefix without its last half; all are /64
AS_NUMBER = 65000

CLIENT = "10.99.0.2"
PINNED_CLIENT = "10.99.0.3"  # the router sends its packets through one load balancer, whatever BGP says
CLIENT_GATEWAY = "10.99.0.1"
CLIENT6, CLIENT_GATEWAY6 = "2001:db8:99::2", "2001:db8:99::1"


@dataclass(frozen=True)
class Host:
    """A machine of the lab with one network card: a port of the switch."""

    name: str
    number: int  # last byte of its address in every VLAN that it is in
    vlan: int = 0  # of its access port; 0: a trunk

    @property
    def address(self) -> str:
        """Of an access port; a load balancer's is its address in VLAN 10, where it speaks BGP."""
        return self.address_in(self.vlan or 10)

    def address_in(self, vlan: int) -> str:
        return f"{VLANS[vlan]}.{self.number}"

    @property
    def address6(self) -> str:
        """As `address`; the number's digits are the last group."""
        return self.address6_in(self.vlan or 10)

    def address6_in(self, vlan: int) -> str:
        return f"{VLANS6[vlan]}::{self.number}"

    @property
    def mac(self) -> str:
        """Locally administered, and readable in a capture: VLAN and host number."""
        return f"02:00:00:00:{self.vlan:02d}:{self.number:02d}"


def balancers(count: int) -> tuple[Host, ...]:
    return tuple(Host(f"lb{number}", number) for number in range(1, count + 1))


def reals(each: int) -> tuple[Host, ...]:
    """So many in each VLAN."""
    return tuple(Host(f"r{vlan // 10}{index}", 10 + index, vlan) for vlan in VLANS for index in range(each))


BALANCERS, REALS = balancers(2), reals(4)  # the demo's
ROUTER_NUMBER = 200


@dataclass(frozen=True)
class Names:
    """Where one lab keeps its things on the host, and who is in it; labs of different names do not meet."""

    lab: str
    balancers: tuple[Host, ...] = BALANCERS
    reals: tuple[Host, ...] = REALS

    def __post_init__(self) -> None:
        # Whatever bears the name is removed in the end: no name may reach further than its own things.
        if not re.fullmatch(r"vc5-[a-z0-9]+", self.lab):
            raise ValueError(f"VC5_LAB: {self.lab!r} is no name for a lab; one is like vc5-lab")

    def netns(self, host: str) -> str:
        return f"{self.lab}-{host}"

    @property
    def state(self) -> Path:
        """Configurations, logs, sockets."""
        return Path("/run") / self.lab

    @property
    def pins(self) -> Path:
        return Path("/sys/fs/bpf") / self.lab

    @property
    def lock(self) -> Path:
        return Path("/run") / f"{self.lab}.lock"


def default_names() -> Names:
    """VC5_LAB names another lab, so that tests run beside one that was kept up."""
    return Names(os.environ.get("VC5_LAB") or "vc5-lab")
