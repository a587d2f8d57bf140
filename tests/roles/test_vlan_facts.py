"""VLANs and MACs from what hosts say of themselves: the role fleet on the controller alone.

A kernel without 8021q has no such devices, so no host of `make fleet` may have any. Here an `ip` answers as
iproute2 6.1 does where eth0 is a trunk and VLANs 10 and 20 are devices, named in both usual ways; all behind
that is real: Ansible, the role, the compiler.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

TREE = Path(__file__).parents[2]
BIN = TREE / ".venv" / "bin"

pytestmark = pytest.mark.skipif(not (BIN / "ansible-playbook").exists(), reason="needs Ansible: make setup")

SECRET = "sesame"
CONFIG = """\
bgp: {as_number: 65000, peers: [10.1.10.200]}
services:
  - name: web
    virtual: 192.168.101.1
    servers: [10.1.10.10, 10.1.20.10]
    policy: {http: }
  - name: web6
    virtual: 2001:db8:101::1
    servers: ["fd00:1:20::10"]
    policy: {http: }
"""


def vlan_device(name: str, number: int) -> dict[str, Any]:
    """As `ip -j -d link show type vlan` says it, less some counters."""
    data = {"protocol": "802.1Q", "id": number, "flags": ["REORDER_HDR"]}
    return {
        "ifindex": 100 + number, "link": "eth0", "ifname": name,
        "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "mtu": 1500, "operstate": "UP",
        "link_type": "ether", "address": "02:00:00:00:00:01", "broadcast": "ff:ff:ff:ff:ff:ff",
        "linkinfo": {"info_kind": "vlan", "info_data": data},
    }  # fmt: skip


def route(prefix: str, device: str) -> dict[str, Any]:
    return {"dst": prefix, "dev": device, "protocol": "kernel", "scope": "link", "flags": []}


# Devices without an `ifname` come from a filter that left them out: iproute2 prints {} for each.
SAID = {
    "-j -d link show type vlan": [{}, {}, vlan_device("eth0.10", 10), vlan_device("backend", 20)],
    "-j -4 route show proto kernel": [
        route("10.9.0.0/24", "eth1"),
        route("10.1.10.0/24", "eth0.10"),
        route("10.1.20.0/24", "backend"),
    ],
    "-j -6 route show proto kernel": [
        route("fe80::/64", "eth0.10"),
        route("fd00:1:20::/64", "backend"),
    ],
}


def card(name: str, mac: str, ipv4: str, ipv6: str = "") -> dict[str, Any]:
    """A network card as Ansible's facts have it."""
    found: dict[str, Any] = {"device": name, "macaddress": mac, "type": "ether", "active": True}
    found["ipv4"] = {"address": ipv4, "netmask": "255.255.255.0", "prefix": "24"}
    link_local = {"address": "fe80::1", "prefix": "64", "scope": "link"}
    found["ipv6"] = [link_local, *([{"address": ipv6, "prefix": "64", "scope": "global"}] if ipv6 else [])]
    return found


def facts(*cards: dict[str, Any], default: str) -> dict[str, Any]:
    return {
        "interfaces": ["lo", *(each["device"] for each in cards)],
        "all_ipv4_addresses": [each["ipv4"]["address"] for each in cards],
        "all_ipv6_addresses": [six["address"] for each in cards for six in each["ipv6"]],
        "default_ipv4": {"address": default, "interface": cards[0]["device"]},
        "default_ipv6": {},
    } | {each["device"].replace(".", "_"): each for each in cards}


HOSTS = {
    "load_balancers": {
        "lb1": facts(
            card("eth0.10", "02:00:00:00:00:01", "10.1.10.1"),
            card("backend", "02:00:00:00:00:01", "10.1.20.1", "fd00:1:20::1"),
            default="10.1.10.1",
        )
    },
    "real_servers": {
        "web10": facts(card("eth0", "02:00:00:00:10:10", "10.1.10.10"), default="10.1.10.10"),
        "web20": facts(
            card("eno1", "02:00:00:00:20:10", "10.1.20.10", "fd00:1:20::10"), default="10.1.20.10"
        ),
    },
}
ALL = {host: said for group in HOSTS.values() for host, said in group.items()}


def play(hosts: str, task: dict[str, Any]) -> dict[str, Any]:
    return {"name": hosts, "hosts": hosts, "gather_facts": False, "tasks": [{"name": "Do", **task}]}


COMPILE = {"ansible.builtin.import_role": {"name": "fleet", "tasks_from": "compile.yml"}}
PLAYBOOK = [
    *(play(host, {"ansible.builtin.set_fact": {**said, "cacheable": True}}) for host, said in ALL.items()),
    play("all", COMPILE),
]


@pytest.fixture
def compile_fleet(tmp_path: Path) -> Any:
    """A function: the configuration's text to (document, output)."""

    def run(config: str) -> tuple[dict[str, Any], str]:
        (tmp_path / "config.yaml").write_text(config)
        own = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
        }
        groups = {group: {"hosts": dict.fromkeys(hosts), "vars": own} for group, hosts in HOSTS.items()}
        groups["load_balancers"]["vars"] = own | {"bird_password": SECRET}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(groups))
        (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAYBOOK, sort_keys=False))
        done = subprocess.run(
            [BIN / "ansible-playbook", "-i", tmp_path / "hosts.yml", "-e", f"fleet_compiler={BIN}/vc5c",
             "-e", f"fleet_build_dir={tmp_path}/made", tmp_path / "play.yml"],
            cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1000:]
        return json.loads((tmp_path / "made/config.json").read_text()), done.stdout

    return run


def environment(directory: Path) -> dict[str, str]:
    """With an `ip` that knows the VLANs."""
    program = directory / "bin" / "ip"
    program.parent.mkdir(exist_ok=True)
    cases = "".join(f"'{words}') echo '{json.dumps(said)}' ;;\n" for words, said in SAID.items())
    program.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "ip $*?" >&2; exit 1 ;;\nesac\n')
    program.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return env | {
        "PATH": f"{program.parent}:{BIN}:{env['PATH']}",
        "ANSIBLE_ROLES_PATH": str(TREE / "roles"),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }


def test_vlans_and_macs_are_those_of_the_hosts(compile_fleet: Any, tmp_path: Path) -> None:
    document, said = compile_fleet(CONFIG)
    assert document["vlans"] == {"10": "10.1.10.0/24", "20": "10.1.20.0/24"}
    assert document["vlans6"] == {"20": "fd00:1:20::/64"}
    assert document["neighbors"] == {
        "10.1.10.10": {"mac": "02:00:00:00:10:10", "vlan": 10},
        "10.1.20.10": {"mac": "02:00:00:00:20:10", "vlan": 20},
        "fd00:1:20::10": {"mac": "02:00:00:00:20:10", "vlan": 20},
    }
    bird = (tmp_path / "made/bird/lb1.conf").read_text()
    assert "router id 10.1.10.1;" in bird
    assert "local 10.1.10.1 as 65000;" in bird, "the address in the peer's VLAN, of several"
    assert 'include "/etc/bird/vc5-password-10.1.10.200.conf";' in bird
    made = [file.read_text() for file in (tmp_path / "made").rglob("*") if file.is_file()]
    assert not [text for text in [said, *made] if SECRET in text]


def test_vlans_of_the_configuration_win(compile_fleet: Any) -> None:
    """Where it has `vlans`, hosts are not asked."""
    document, _ = compile_fleet("vlans: {7: 10.1.0.0/16}\nvlans6: {7: fd00::/16}\n" + CONFIG)
    assert document["vlans"] == {"7": "10.1.0.0/16"}
    assert document["neighbors"]["10.1.20.10"]["vlan"] == 7
