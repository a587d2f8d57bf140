"""Tunnels into the kernel's own devices: whole connections of every type and mix of families, at the MTU."""

from __future__ import annotations

import http.client
import http.server
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.host import LabError, inside, run

from tests.kernels import far as network
from tests.kernels.far import CLIENTS, VIPS, Case, Far

pytestmark = pytest.mark.bpf

UPLOAD = bytes(range(256)) * 800  # over a hundred whole segments
CASES = [
    Case(type, outside, inside)
    for type in ("ipip", "gre", "fou", "gue")
    for outside in (4, 6)
    for inside in (4, 6)
]


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with network.network() as made:
        yield made


class Handler(http.server.BaseHTTPRequestHandler):
    """Says whom it saw, and how much came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = f"{self.client_address[0]} {len(body)} {body == UPLOAD}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(far: Far) -> Iterator[None]:
    """On the real, for both families."""
    with inside(far.real):
        server = Server(("::", 80), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def upload(far: Far, case: Case) -> str:
    """What the real answers to a big request to the VIP."""
    with inside(far.client):
        connection = http.client.HTTPConnection(VIPS[case.inside], 80, timeout=20)
        connection.connect()
    try:
        connection.request("POST", "/", UPLOAD)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.type}-v{case.inside}-in-v{case.outside}")
def test_a_connection_through_the_kernels_devices(far: Far, case: Case) -> None:
    device, commands = case.device()
    try:
        far.on(far.real, *commands)
    except (LabError, FileNotFoundError) as lacking:
        pytest.skip(f"this kernel has no {case.type} over IPv{case.outside}: {lacking}")
    far.on(far.real, f"sysctl -q net.ipv4.conf.{device}.rp_filter=0")
    with serving(far), network.balancing(far, case) as kernel:
        before = received(far, device)
        assert upload(far, case).split()[-2:] == [str(len(UPLOAD)), "True"]
        assert received(far, device) - before >= len(UPLOAD) // 1500, "the packets came by another way"
        packets, sent, flows = (int(number) for number in kernel.counters()[1])
    assert flows == 1
    assert packets > len(UPLOAD) // 1500
    assert sent > len(UPLOAD)
    # The client's first long segments did not fit; it was told by ICMP, and believed it.
    assert path_mtu(far, case) == 1500 - case.overhead
    forget(far, case)


def received(far: Far, device: str) -> int:
    shown = run(["ip", "-n", far.real, "-s", "-o", "link", "show", device])
    return int(shown.split("RX:")[1].split("\\")[1].split()[1])


def path_mtu(far: Far, case: Case) -> int:
    """To the VIP, as the client's kernel has come to know."""
    said = run(
        ["ip", "-n", far.client, "route", "get", VIPS[case.inside], "from", CLIENTS[case.inside]]
    ).split()
    return int(said[said.index("mtu") + 1]) if "mtu" in said else 1500


def forget(far: Far, case: Case) -> None:
    """The path MTU that the client has learned, and the tunnel's port."""
    for version in (4, 6):
        run(["ip", "-n", far.client, f"-{version}", "route", "flush", "cache"])
    if case.port:
        six = ["-6"] if case.outside == 6 else []
        subprocess.run(
            ["ip", "-n", far.real, "fou", "del", "port", str(case.port), *six],
            check=False,
            capture_output=True,
        )
