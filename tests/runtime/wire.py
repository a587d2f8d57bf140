"""A load balancer's namespace with two reals behind it, each a namespace on a cable (VLAN) of its own.

    lb  eth10 10.66.10.1/24 ── 10.66.10.11 eth0  real1      VIP 192.0.2.80/32 on the loopback of both;
        eth20 10.66.20.1/24 ── 10.66.20.11 eth0  real2      no real holds SILENT: they drop its packets

And the same in IPv6: fd66:10::1/64, fd66:10::11, VIP6, SILENT6.

Tests run in `lb`: the calling thread enters it (setns(2) is per thread, and inherited).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import documents

VIP = "192.0.2.80"
SILENT = "192.0.2.99"
VIP6, SILENT6 = "2001:db8::80", "2001:db8::99"
REAL1_6, REAL2_6 = "fd66:10::11", "fd66:20::11"
VLANS6 = {10: "fd66:10::/64", 20: "fd66:20::/64"}
REAL1, REAL2 = "10.66.10.11", "10.66.20.11"
VLANS = {10: "10.66.10.0/24", 20: "10.66.20.0/24"}

_SERVER = """
import http.server, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow": time.sleep(5)
        named = self.headers["Host"] == "www.example.org"
        code = {"/alive": 200, "/away": 302, "/host": 200 if named else 400}
        self.send_response(code.get(self.path, 503))
        self.send_header("Content-Length", "0")
        if self.path == "/away": self.send_header("Location", "/alive")
        self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *a): pass
sys.stderr = open("/dev/null", "w")
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""


class Wire:
    """The three namespaces. Processes started here end with it."""

    def __init__(self) -> None:
        prefix = f"vc5d-{os.getpid()}"
        self.lb, self.real1, self.real2 = (f"{prefix}-{name}" for name in ("lb", "real1", "real2"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        _ip("\n".join(f"netns add {name}" for name in (self.lb, self.real1, self.real2)))
        for real, number in ((self.real1, 10), (self.real2, 20)):
            _ip(f"link set lo up\naddress add {VIP}/32 dev lo\naddress add {VIP6}/128 dev lo", real)
            self.cable(real, number)
        _ip("link set lo up", self.lb)

    def cable(self, real: str, number: int) -> None:
        """From the load balancer to a real, also when it was pulled."""
        _ip(f"link add eth{number} type veth peer name eth0 netns {real}", self.lb)
        _ip(
            f"link set eth0 up\naddress add 10.66.{number}.11/24 dev eth0\n"
            f"route add default via 10.66.{number}.1\n"
            f"address add fd66:{number}::11/64 dev eth0 nodad\n"
            f"route add default via fd66:{number}::1",
            real,
        )
        _ip(
            f"link set eth{number} up\naddress add 10.66.{number}.1/24 dev eth{number}\n"
            f"address add fd66:{number}::1/64 dev eth{number} nodad",
            self.lb,
        )

    def destroy(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for name in (self.lb, self.real1, self.real2):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def start(self, netns: str, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{netns}", *command])
        self.started(process)
        return process

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """It ends with the wire."""
        self._processes.append(process)

    def serve(self, netns: str, port: int) -> subprocess.Popen[bytes]:
        """An HTTP server: /alive 200, /away 302, /slow after 5 s, /host 200 for www.example.org; else 503."""
        process = self.start(netns, sys.executable, "-c", _SERVER, str(port))
        until(lambda: f":{port} " in output("ss", "-Hltn", netns=netns))
        return process

    @contextlib.contextmanager
    def inside(self, netns: str) -> Iterator[None]:
        """This thread in `netns`, and back again."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{netns}").open() as there:
            assert libc.setns(there.fileno(), 0) == 0
            try:
                yield
            finally:
                assert libc.setns(before.fileno(), 0) == 0


def output(*command: str, netns: str | None = None) -> str:
    """What `command` prints, in the thread's namespace or another."""
    enter = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
    return subprocess.run([*enter, *command], check=True, capture_output=True, text=True).stdout


def until(condition: object, timeout: float = 5.0) -> None:
    """Wait for condition() to hold."""
    assert callable(condition)
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {condition}"
        time.sleep(0.02)


def _ip(lines: str, netns: str | None = None) -> None:
    enter = ["-n", netns] if netns else []
    subprocess.run(["ip", *enter, "-batch", "-"], input=lines, text=True, check=True)


def made() -> Iterator[Wire]:
    """The body of a module's fixture `wire`: the calling thread is in `lb` meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    wire = Wire()
    try:
        wire.build()
        with wire.inside(wire.lb):
            yield wire
    finally:
        wire.destroy()


def raw_document(check: dict[str, object], **changes: object) -> dict[str, Any]:
    """A document for these reals: one service, VIP:80:tcp, each real with this one check. changes: keys of
    the service, and `disabled`: the reals that are, `disabled_vip`: whether it is, `learn` and
    `multicast`: the document's."""
    disabled = changes.pop("disabled", ())
    own = {name: changes.pop(name) for name in ("learn", "multicast") if name in changes}
    if changes.pop("disabled_vip", False):
        changes["disabled"] = True
    assert isinstance(disabled, tuple)
    reals = {REAL1: 1, REAL2: 1}
    raw = documents.raw_document(
        documents.Spec({f"{VIP}:80:tcp": reals}, vlans={REAL1: 10, REAL2: 20}, disabled=set(disabled))
    )
    raw |= own
    raw["vlans"] = {str(vlan): prefix for vlan, prefix in VLANS.items()}
    service = raw["services"][f"{VIP}:80:tcp"]
    service["health"] = {"interval": 0.1, "timeout": 0.1, "threshold": 2, "window": 3}
    for real in service["reals"].values():
        real["checks"] = [check]
    service.update(changes)
    return documents.sealed(raw)
