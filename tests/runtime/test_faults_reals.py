"""A thousand reals that fail at the same moment, end to end: real frames and program, vc5d as it is started.

Five hundred for a VIP of IPv4, and as many for one of IPv6: the kernel's neighbor tables have room for 1,024
of each family by default, whatever else is on this machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live
import pytest
import wire as wires
from support import documents
from vc5d import host
from vc5d.ctl.ask import ask
from vc5d.errors import Vc5Error
from wire import VIP, VIP6, Wire, output, until

pytestmark = [pytest.mark.lab, pytest.mark.bpf]

SERVICES = {f"{VIP}:80:tcp": [f"10.70.{n // 250}.{n % 250 + 2}" for n in range(500)]}
SERVICES[f"{VIP6}:80:tcp"] = [f"fd70::{n + 2:x}" for n in range(500)]
HEALTH = {"interval": 4, "timeout": 2, "threshold": 2, "window": 3}
# Takes what comes: of a host that is too busy some half-open checks become whole connections.
LISTEN = """
import socket
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 80)); s.listen(4096); print(flush=True)
while True: s.accept()[0].close()
"""
PATIENCE = 150.0  # s: of a busy machine vc5d may get a tenth of one core


class Rack(live.Host):
    """All reals are addresses of one namespace, on one cable: eth30."""

    starting = True

    def write(self, services: int = 0, **changes: object) -> None:
        reals = {name: dict.fromkeys(addresses, 1) for name, addresses in SERVICES.items()}
        spec = documents.Spec(reals, size=5003)
        raw = documents.raw_document(spec)
        raw |= {"vlans": {"30": "10.70.0.0/16"}, "vlans6": {"30": "fd70::/64"}}
        for neighbor in raw["neighbors"].values():
            neighbor["vlan"] = 30
        for service in raw["services"].values():
            service["health"] = HEALTH
            for real in service["reals"].values():
                real["checks"] = [{"type": "syn"}]
        self.config.write_bytes(documents.file_content(documents.sealed(raw)))

    def start(self, interface: str = "eth30") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "vc5d.cli", *self.options, str(self.config), interface]
        self.daemon = self.wire.start(self.wire.lb, *command)
        until(lambda: self.count("accepting") == 1000 and self.announced() == {VIP, VIP6}, PATIENCE)
        self.starting = False
        return self.daemon

    def status(self) -> dict[str, Any]:
        """It is answered soon, whatever happens."""
        begin = time.monotonic()
        try:
            found: dict[str, Any] = ask(self.socket, "status")
        except Vc5Error:
            assert self.starting
            return {}
        assert time.monotonic() - begin < 30, "some tenths of a second, on a host that is idle"
        return found

    def count(self, state: str) -> int:
        services = self.status().get("services", {}).values()
        return sum(real["state"] == state for each in services for real in each["reals"].values())

    def announced(self) -> set[str]:
        routes = output("ip", "route", "show", "table", "205") + output(
            "ip", "-6", "route", "show", "table", "205"
        )
        return {line.split()[0] for line in routes.splitlines() if line}

    def listen(self) -> subprocess.Popen[bytes]:
        command = ["nsenter", f"--net=/run/netns/{self.wire.real1}", sys.executable, "-c", LISTEN]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.wire.started(process)
        assert process.stdout
        process.stdout.readline()
        return process


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    if not host.default_object().exists():
        pytest.skip(f"needs {host.default_object()}: make build")
    for made in wires.made():
        ip(
            "link",
            "add",
            "eth30",
            "netns",
            made.lb,
            "type",
            "veth",
            "peer",
            "name",
            "eth30",
            "netns",
            made.real1,
        )
        for space, last in ((made.lb, "1"), (made.real1, None)):
            addresses = [f"10.70.0.{last}/16", f"fd70::{last}/64"] if last else [
                *(f"{each}/16" for each in SERVICES[f"{VIP}:80:tcp"]),
                *(f"{each}/64" for each in SERVICES[f"{VIP6}:80:tcp"]),
            ]  # fmt: skip
            lines = ["link set eth30 up", *(f"address add {each} dev eth30" for each in addresses)]
            batch = "\n".join(line + (" nodad" if line.count(":") else "") for line in lines)
            subprocess.run(["ip", "-n", space, "-batch", "-"], input=batch, text=True, check=True)
        yield made


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def rack(wire: Wire, tmp_path: Path) -> Iterator[Rack]:
    made = Rack(wire, tmp_path)
    listening = made.listen()
    try:
        made.start()
        yield made
    finally:
        listening.kill()
        listening.wait()
        made.daemon.terminate()
        made.daemon.wait(180)
        made.uninstall()


def test_a_thousand_fail_at_once_and_come_back(rack: Rack) -> None:
    """Their power goes: nobody answers ARP any more."""
    ip("-n", rack.wire.real1, "link", "set", "eth30", "down")
    until(lambda: rack.announced() == set(), PATIENCE)
    until(lambda: rack.count("down") == 1000, PATIENCE)
    vips = rack.status()["vips"]
    assert {vip: state["up"] for vip, state in vips.items()} == {VIP: False, VIP6: False}
    assert all(state["why"] for state in vips.values())
    power_on(rack)
    until(lambda: rack.announced() == {VIP, VIP6}, PATIENCE)
    until(lambda: rack.count("accepting") == 1000, PATIENCE)
    assert rack.daemon.poll() is None


def power_on(rack: Rack) -> None:
    """IPv6 addresses have gone with the interface."""
    ip("-n", rack.wire.real1, "link", "set", "eth30", "up")
    batch = "\n".join(f"address replace {each}/64 dev eth30 nodad" for each in SERVICES[f"{VIP6}:80:tcp"])
    subprocess.run(["ip", "-n", rack.wire.real1, "-batch", "-"], input=batch, text=True, check=True)


def test_a_thousand_that_refuse_at_once_are_said_why(rack: Rack) -> None:
    """Their servers end: each SYN is answered by a reset."""
    web = subprocess.run(
        ["ip", "netns", "pids", rack.wire.real1], capture_output=True, text=True, check=True
    ).stdout.split()
    listening = next(pid for pid in web if "s.listen(4096)" in Path(f"/proc/{pid}/cmdline").read_text())
    subprocess.run(["kill", listening], check=True)
    until(lambda: rack.announced() == set(), PATIENCE)
    until(lambda: rack.count("down") == 1000, PATIENCE)
    reasons = {
        real["reason"] for each in rack.status()["services"].values() for real in each["reals"].values()
    }
    assert reasons == {"connection refused"}, reasons
    rack.listen()
    until(lambda: rack.announced() == {VIP, VIP6}, PATIENCE)
    until(lambda: rack.count("accepting") == 1000, PATIENCE)
