"""One host for all tests; on it vc5d, started by systemd, and BIRD, which has learned its VIP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.documents import file_content
from wire import VIP, raw_document, until
from wire import made as wire_made

from systemd import image
from systemd.host import Host

OPTIONS = 'VC5D_OPTIONS="/etc/vc5/config.json eth10 --mode generic --log-level debug"\n'
BIRD = """
router id 10.66.10.1;
protocol device { }
protocol kernel { kernel table 205; learn; scan time 1; ipv4 { import all; export none; }; }
"""
ALIVE = {"type": "http", "path": "/alive"}
PATIENT = {"interval": 0.2, "timeout": 2, "threshold": 2, "window": 3}  # also on a busy machine


@pytest.fixture(scope="session")
def booted() -> Iterator[Host]:
    image.root()  # here, not in the wire's namespace: that has no way to Debian's packages
    image.installed()
    for wire in wire_made():
        wire.serve(wire.real1, 80)
        wire.serve(wire.real2, 80)
        with Host("vc5unit", wire.lb) as host:
            host.install()
            (host.root / "etc/default/vc5d").write_text(OPTIONS)
            (host.root / "etc/bird/bird.conf").write_text(BIRD)
            host.run("systemctl", "start", "bird")
            yield host


@pytest.fixture
def host(booted: Host) -> Host:
    """Whatever the test before left, vc5d runs anew from here."""
    document(booted, "good")
    booted.run("systemctl", "reset-failed", "vc5d", check=False)
    booted.run("systemctl", "stop", "vc5d")
    booted.run("systemctl", "start", "vc5d")
    until(lambda: routed(booted) and learned(booted), 15)
    return booted


def document(host: Host, kind: str) -> None:
    content = file_content(raw_document(ALIVE, health=PATIENT)) if kind == "good" else b"{"
    (host.root / "etc/vc5/config.json").write_bytes(content)


def routed(host: Host) -> bool:
    return VIP in host.run("ip", "route", "show", "table", "205", check=False).stdout


def learned(host: Host) -> str:
    """BIRD's route: its line has the time since when it is there."""
    lines = host.run("birdc", "show", "route", "for", f"{VIP}/32", check=False).stdout.splitlines()
    return next((line for line in lines if VIP in line), "")


def status(host: Host) -> dict[str, Any]:
    asked = host.run("vc5ctl", "status", "--json", check=False)
    return json.loads(asked.stdout) if asked.returncode == 0 else {}


def main_pid(host: Host) -> str:
    return host.property("MainPID")
