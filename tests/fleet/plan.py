"""The fleet as data: which machines there are, where they are plugged in, where the fleet keeps its things.

client ── router ══ switch ══ lb1, lb2, lb3 (trunks: VLANs 10 and 20 tagged)
                      └────── web1 … web4 (access ports: untagged)

Each but the client is a host that systemd boots, and has a second network card for whoever manages it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lab.plan import ROUTER_NUMBER, VLANS, VLANS6, Host, Names

BALANCERS_GROUP, REALS_GROUP, ROUTERS_GROUP = "load_balancers", "real_servers", "routers"
MANAGEMENT = "10.98.0"  # prefix without its last byte, /24
CONTROLLER, SWITCH = "controller", "switch"  # namespaces that are no machine's


@dataclass(frozen=True)
class Machine(Host):
    group: str = ""
    position: int = 0  # last byte of its management address

    @property
    def management(self) -> str:
        return f"{MANAGEMENT}.{self.position}"


BALANCERS = tuple(Machine(f"lb{n}", n, 0, BALANCERS_GROUP, 10 + n) for n in (1, 2, 3))
REALS = tuple(
    Machine(f"web{n}", 11 + index, vlan, REALS_GROUP, 20 + n)
    for n, (vlan, index) in enumerate(((vlan, index) for vlan in VLANS for index in (0, 1)), 1)
)
ROUTER = Machine("router", ROUTER_NUMBER, 0, ROUTERS_GROUP, 2)
MACHINES = (ROUTER, *BALANCERS, *REALS)
NAMES_OF_REALS = {address: real.name for real in REALS for address in (real.address, real.address6)}


class FleetNames(Names):
    """Whole hosts are written here, which may be more than a /run in memory holds."""

    @property
    def state(self) -> Path:
        return Path("/var/tmp") / self.lab

    @property
    def key(self) -> Path:
        return self.state / "id_ed25519"

    @property
    def log(self) -> Path:
        """Of `tools/fleet up`."""
        return Path("/var/tmp") / f"{self.lab}.log"

    @property
    def supervisor(self) -> Path:
        return self.state / "supervisor.pid"

    @property
    def known_hosts(self) -> Path:
        return self.state / "known_hosts"


def default_names() -> FleetNames:
    return FleetNames(os.environ.get("VC5_LAB") or "vc5-fleet")


def networkd(machine: Machine) -> dict[str, str]:
    """What a bare host has in /etc/systemd/network: its own addresses, and nothing of VIPs."""
    files = {"management.network": _network("mgmt0", [f"Address={machine.management}/24"])}
    if machine.group == REALS_GROUP:
        addresses = [
            *_addresses(machine, machine.vlan),
            f"Gateway={VLANS[machine.vlan]}.{ROUTER_NUMBER}",
            f"Gateway={VLANS6[machine.vlan]}::{ROUTER_NUMBER}",
        ]
        return files | {"eth0.network": _network("eth0", addresses)}
    device = "eth" if machine.group == ROUTERS_GROUP else "vlan"
    for vlan in VLANS:
        files[f"{device}{vlan}.network"] = _network(f"{device}{vlan}", _addresses(machine, vlan))
    if machine.group == ROUTERS_GROUP:
        return files | {
            "client.network": _network("client", ["Address=10.99.0.1/24", "Address=2001:db8:99::1/64"])
        }
    files["vlan10.network"] += f"Gateway={VLANS[10]}.{ROUTER_NUMBER}\n"
    return files | {"eth0.network": _network("eth0", [])}


def _addresses(machine: Machine, vlan: int) -> list[str]:
    return [f"Address={machine.address_in(vlan)}/24", f"Address={machine.address6_in(vlan)}/64"]


def _network(device: str, lines: list[str]) -> str:
    always = ["IPv6AcceptRA=no", "IPv6DuplicateAddressDetection=0", *lines]
    return "\n".join([f"[Match]\nName={device}\n\n[Network]", *always, ""])
