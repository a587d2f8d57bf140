"""An Ansible inventory of the fleet, in a directory of its own: who is where, and what a site would set.

It stands alone: `ansible-playbook -i DIRECTORY` as root finds the hosts, from wherever it runs.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml

from fleet.plan import BALANCERS, CONTROLLER, MACHINES, FleetNames, Machine

HERE = Path(__file__).parent / "inventory"  # what is the same for every fleet


def write(names: FleetNames) -> Path:
    """The directory. What a person may edit there, config.yaml above all, is written anew each time."""
    directory = names.state / "inventory"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(HERE, directory)
    groups: dict[str, Any] = {}
    for machine in MACHINES:
        groups.setdefault(machine.group, {"hosts": {}})["hosts"][machine.name] = _variables(machine)
    groups["all"] = {"vars": _connection(names)}
    (directory / "hosts.yml").write_text(yaml.safe_dump(groups, sort_keys=False))
    return directory


def _variables(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = {"ansible_host": machine.management}
    if machine in BALANCERS:
        found |= {"bird_router_id": machine.address, "bird_sources": [machine.address, machine.address6]}
    return found


def _connection(names: FleetNames) -> dict[str, str]:
    """SSH from the controller's place in the management network, which is no other's."""
    enter = names.state / "ssh"
    netns = shlex.quote(f"/run/netns/{names.netns(CONTROLLER)}")
    enter.write_text(f'#!/bin/sh\nexec nsenter --net={netns} ssh "$@"\n')
    enter.chmod(0o755)
    return {
        "ansible_user": "root",
        "ansible_ssh_executable": str(enter),
        "ansible_ssh_transfer_method": "piped",
        "ansible_ssh_private_key_file": str(names.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={names.known_hosts}",
        # Two fleets have the same addresses, and connections that live on are found by address.
        "ansible_control_path_dir": str(names.state / "cp"),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
