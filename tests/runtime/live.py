"""vc5d with the real program in the namespace `lb` of wire.py, a client that sends frames, and vc5ctl."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from support import documents
from support.documents import file_content
from vc5d import host
from wire import REAL1, REAL2, VIP, Wire, output, raw_document, until

SERVICE = f"{VIP}:80:tcp"


def made() -> Iterator[Wire]:
    """The body of a module's fixture `wire`."""
    if not host.default_object().exists():
        pytest.skip(f"needs {host.default_object()}: make build")
    for found in wires.made():
        found.serve(found.real1, 80)
        found.serve(found.real2, 80)
        yield found


class Host:
    """vc5d in the namespace, a client that sends frames from real1's cable, and vc5ctl."""

    def __init__(self, wire: Wire, directory: Path) -> None:
        self.wire, self.directory = wire, directory
        self.pins = Path(f"/sys/fs/bpf/vc5-trace-{os.getpid()}")
        self.socket, self.config = directory / "s.sock", directory / "config.json"
        self.write()
        self.options = ["--pin", str(self.pins), "--socket", str(self.socket), "--web", "none"]
        self.daemon: subprocess.Popen[bytes]
        self.options += ["--state", str(directory), "--grace", "0"]

    def write(self, services: int = 0, **changes: object) -> None:
        """The document; `services`: so many more, which nobody asks for."""
        raw = raw_document({"type": "syn"}, **changes)
        if services:
            web = raw["services"][SERVICE]
            idle = web | {"reals": {real: each | {"checks": []} for real, each in web["reals"].items()}}
            names = [SERVICE, *(f"192.0.2.80:{port}:tcp" for port in range(1000, 1000 + services))]
            raw["services"] = dict.fromkeys(names, idle) | {SERVICE: web}
            raw["index"]["ipv4"] = documents.index(names)
            raw = documents.sealed(raw)
        self.config.write_bytes(file_content(raw))

    def start(self, interface: str = "eth10") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "vc5d.cli", *self.options, str(self.config), interface]
        self.daemon = self.wire.start(self.wire.lb, *command)
        until(lambda: self.states() == {REAL1: "accepting", REAL2: "accepting"}, 10)
        return self.daemon

    @property
    def command(self) -> list[str]:
        """vc5ctl, in the load balancer's namespace."""
        return [sys.executable, "-m", "vc5d.ctl", "--socket", str(self.socket)]

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words], capture_output=True, text=True, check=False, timeout=30
        )

    def reals(self) -> dict[str, Any]:
        done = self.ctl("status", "--json")
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return found.get("services", {}).get(SERVICE, {}).get("reals", {})  # type: ignore[no-any-return]

    def states(self) -> dict[str, str]:
        return {real: found["state"] for real, found in self.reals().items()}

    def settle(self) -> None:
        """The reals have just come up: waits until no packet is looked up for that any more."""
        until(lambda: not any(found["consult"] for found in self.reals().values()), 10)

    def trace(self, *words: str) -> Trace:
        return Trace(self, *words)

    def program(self) -> str:
        """The number of the program on the interface."""
        return output("ip", "link", "show", "eth10", netns=self.wire.lb).split("prog/xdp id ")[1].split()[0]

    def send(self, *frames: bytes) -> None:
        with self.wire.inside(self.wire.real1), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable:
            cable.bind(("eth0", 0))
            for frame in frames:
                cable.send(frame)

    def mac(self) -> bytes:
        shown = json.loads(output("ip", "-j", "link", "show", "eth10", netns=self.wire.lb))
        return bytes.fromhex(shown[0]["address"].replace(":", ""))

    def frame(self, source: str, sport: int, vip: str = VIP, dport: int = 80, flags: int = 2) -> bytes:
        """An Ethernet frame with a TCP segment, by default a SYN; checksums are the receiver's to check."""
        addresses = socket.inet_aton(source) + socket.inet_aton(vip)
        segment = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, flags, 1024, 0, 0) + b"payload!"
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + addresses
        return self.mac() + bytes.fromhex("020000000099") + b"\x08\x00" + head + segment

    def uninstall(self) -> None:
        subprocess.run([sys.executable, "-m", "vc5d.cli", *self.options[:4], "--uninstall"], check=True)


class Trace:
    """A vc5ctl that traces, once it does."""

    def __init__(self, host: Host, *words: str) -> None:
        command = [*host.command, "trace", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        assert self.process.stderr
        self.out, self.err = self.process.stdout, self.process.stderr
        assert self.err.readline() == "tracing; Ctrl-C ends it\n"

    def events(self, count: int) -> list[dict[str, Any]]:
        """The next ones, of a --json trace."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            item = json.loads(self.out.readline())
            found += [item["event"]] if "event" in item else []
        return found

    def end(self) -> tuple[str, str]:
        """What is left of its output, and what it says in the end."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return out, err


def installed(wire: Wire, directory: Path) -> Iterator[Host]:
    """The body of a test's fixture `installed`: a running vc5d, and nothing of it left in the end."""
    made = Host(wire, directory)
    try:
        made.start()
        yield made
    finally:
        made.daemon.terminate()
        made.daemon.wait(10)
        made.uninstall()
        assert not made.pins.exists()
