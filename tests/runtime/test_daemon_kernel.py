"""vc5d as it is started, with the real program on a real interface: kill -9, taking over, uninstalling."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from support.documents import file_content
from vc5d import host
from vc5d.network.ethtool import turn_off_receive_offloads
from wire import REAL1, REAL2, VIP, Wire, output, raw_document, until

pytestmark = [pytest.mark.lab, pytest.mark.bpf]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    if not host.default_object().exists():
        pytest.skip(f"needs {host.default_object()}: make build")
    for made in wires.made():
        made.serve(made.real1, 80)
        made.serve(made.real2, 80)
        yield made


class Host:
    """vc5d in the namespace, with pins, socket and document of its own."""

    def __init__(self, wire: Wire, directory: Path) -> None:
        self.wire = wire
        self.pins = Path(f"/sys/fs/bpf/vc5-test-{os.getpid()}")
        self.socket = directory / "s.sock"
        self.config = directory / "config.json"
        self.config.write_bytes(file_content(raw_document({"type": "syn"})))
        self.options = ["--pin", str(self.pins), "--socket", str(self.socket)]

    def start(self, interface: str = "eth10") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "vc5d.cli", *self.options, str(self.config), interface]
        return self.wire.start(self.wire.lb, *command)

    def status(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "vc5d.ctl", "--socket", str(self.socket), "status", "--json"]
        done = subprocess.run(command, capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def announced(self) -> bool:
        return VIP in output("ip", "route", "show", "table", "all").replace(f"to {VIP}", "")

    def uninstall(self) -> None:
        subprocess.run([sys.executable, "-m", "vc5d.cli", *self.options, "--uninstall"], check=True)


@pytest.fixture
def installed(wire: Wire, tmp_path: Path) -> Iterator[Host]:
    made = Host(wire, tmp_path)
    try:
        yield made
    finally:
        made.uninstall()
        assert not made.pins.exists()
        assert not made.socket.exists()
        assert "prog/xdp" not in output("ip", "link", "show", "eth10")
        assert len(output("ip", "rule").splitlines()) == 3


def reals(status: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = status["services"][f"{VIP}:80:tcp"]["reals"]
    return found


def test_kill_and_take_over(installed: Host) -> None:
    first = installed.start()
    until(installed.announced)
    status = installed.status()
    assert status["interfaces"] == {"eth10": "native"}
    assert {real["state"] for real in reals(status).values()} == {"accepting"}
    assert (reals(status)[REAL1]["vlan"], reals(status)[REAL2]["vlan"]) == (0, 20)
    assert all(real["mac"] for real in reals(status).values())
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not installed.announced())
    assert "prog/xdp" in output("ip", "link", "show", "eth10"), "it goes on forwarding"
    program = output("ip", "link", "show", "eth10").split("prog/xdp id ")[1].split()[0]
    second = installed.start()
    until(installed.announced)
    assert f"prog/xdp id {program}" in output("ip", "link", "show", "eth10"), "the same program and maps"
    second.send_signal(signal.SIGTERM)
    assert second.wait(5) == 0
    assert not installed.announced()
    assert "prog/xdp" in output("ip", "link", "show", "eth10")


def test_uninstalling_after_a_kill_leaves_nothing(installed: Host) -> None:
    """What is left is looked at by the fixture."""
    killed = installed.start()
    until(installed.announced)
    killed.kill()
    killed.wait()
    assert installed.socket.exists()
    assert len(output("ip", "rule").splitlines()) > 3


def test_a_busy_interface_leaves_nothing(installed: Host) -> None:
    """The document is good, the host is good, and the second interface refuses at the last moment."""
    installed.options += ["--mode", "native", "--log-level", "error"]
    command = [sys.executable, "-m", "vc5d.cli", *installed.options, str(installed.config), "eth10", "lo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("vc5d: error: lo: XDP cannot be attached")
    assert "Traceback" not in done.stderr
    assert not installed.pins.exists()
    assert "prog/xdp" not in output("ip", "link", "show", "eth10")
    installed.options = installed.options[:4]


def test_receive_offloads_are_turned_off(wire: Wire) -> None:
    assert turn_off_receive_offloads("eth20") == ["rxvlan"]
    assert turn_off_receive_offloads("eth20") == []
    with pytest.raises(OSError, match="No such device"):
        turn_off_receive_offloads("nowhere")


def test_an_interface_that_is_renamed_keeps_its_frames(installed: Host) -> None:
    """Untagged is what the program's own interface is, whatever its name: a tag on its frames would lose them
    all. A vc5d that starts later finds the program under the new name."""
    first = installed.start()
    until(installed.announced)
    try:
        output("ip", "link", "set", "eth10", "name", "lan0")
        time.sleep(0.8)  # longer than what a move takes to settle
        assert reals(installed.status())[REAL1]["vlan"] == 0
        first.send_signal(signal.SIGTERM)
        assert first.wait(5) == 0
        program = output("ip", "link", "show", "lan0").split("prog/xdp id ")[1].split()[0]
        second = installed.start("lan0")
        until(installed.announced)
        assert f"prog/xdp id {program}" in output("ip", "link", "show", "lan0")
        assert sorted(path.name for path in installed.pins.glob("link_*")) == ["link_lan0"]
        second.send_signal(signal.SIGTERM)
        second.wait(5)
    finally:
        output("ip", "link", "set", "lan0", "name", "eth10")


def test_an_interface_that_comes_back_gets_the_program_again(installed: Host) -> None:
    """Announced and without the program, the host would be a hole that packets fall into."""
    daemon = installed.start()
    until(installed.announced)
    output("ip", "link", "del", "eth10")
    until(lambda: installed.status()["interfaces"] == {"eth10": ""})
    installed.wire.cable(installed.wire.real1, 10)
    until(lambda: "prog/xdp" in output("ip", "link", "show", "eth10"))
    until(lambda: reals(installed.status())[REAL1]["state"] == "accepting")
    assert installed.status()["interfaces"] == {"eth10": "native"}
    assert reals(installed.status())[REAL1]["vlan"] == 0
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(5) == 0


def test_frames_to_the_macs_of_others_are_left(installed: Host) -> None:
    """As a switch floods them. The interface gets another MAC while vc5d runs, and forwards on."""
    daemon = installed.start()
    until(installed.announced, 20)
    until(installed.status, 20)
    mac, new, stranger = own_mac("eth10"), bytes.fromhex("020000c0ffee"), bytes.fromhex("02000000beef")

    def becomes_of(dst: bytes) -> tuple[int, int]:
        """Of a frame to this MAC: how many the program forwarded, and left since they are others'."""

        def counts() -> tuple[int, int]:
            status = installed.status()
            forwarded = sum(real["packets"] for real in reals(status).values())
            return forwarded, status["reasons"].get("pass_not_ours", 0)

        before = counts()
        with (
            installed.wire.inside(installed.wire.real1),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable,
        ):
            cable.bind(("eth0", 0))
            cable.send(frame(dst))
        until(lambda: counts() != before, 20)
        after = counts()
        return after[0] - before[0], after[1] - before[1]

    until(lambda: becomes_of(stranger) == (0, 1), 20)
    assert becomes_of(mac) == (1, 0)
    assert becomes_of(new) == (0, 1)
    output("ip", "link", "set", "eth10", "address", new.hex(":"))
    until(lambda: becomes_of(new) == (1, 0), 20)
    assert becomes_of(mac) == (0, 1)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(5) == 0


def own_mac(ifname: str) -> bytes:
    return bytes.fromhex(
        json.loads(output("ip", "-json", "link", "show", ifname))[0]["address"].replace(":", "")
    )


def frame(dst: bytes) -> bytes:
    """TCP to the VIP's port 80, from a client, with ACK alone."""
    addresses = socket.inet_aton("203.0.113.9") + socket.inet_aton(VIP)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 1, 1, 5 << 4, 0x10, 8192, 0, 0)
    return dst + bytes.fromhex("020000000001") + b"\x08\x00" + ip + tcp
