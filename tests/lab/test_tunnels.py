"""Reals that share no network with the load balancer: every tunnel, at the limits of its MTU.

With the kernel's own tunnels on the real where there are any (make vmtest), else with a stand-in that takes
outer headers off (decap.bpf.c).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
from collections.abc import Iterator

import pytest

from lab import cleanup, far
from lab.host import inside, wait_until
from lab.plan import Names

pytestmark = pytest.mark.lab
HEADERS = {"ipip": 0, "gre": 4, "fou": 8, "gue": 12, "dscp": -20}
TAKES = {4: 20, 6: 40}
SIZE = 60_000  # of an upload: dozens of full segments


@pytest.fixture(scope="module")
def lab() -> Iterator[far.FarLab]:
    names = Names(os.environ.get("VC5_LAB", "vc5-test") + "far")
    cleanup.clean(names)
    with far.far_lab(names) as made:
        yield made
    cleanup.clean(names)


def name(port: int) -> str:
    kind, vip, real = far.services()[port]
    return f"{kind}, IPv{vip} in IPv{real}"


every = pytest.mark.parametrize("port", far.services(), ids=name)


def connect(lab: far.FarLab, port: int) -> socket.socket:
    if port not in lab.ports():
        pytest.skip("the real has no nftables, to know VIPs by their DSCP")
    vip = far.services()[port][1]
    with inside(lab.names.netns("client")):
        return socket.create_connection((far.VIPS[vip], port), timeout=60)


def ask(lab: far.FarLab, port: int, body: bytes = b"") -> str:
    connection = http.client.HTTPConnection(far.VIPS[far.services()[port][1]], port, timeout=60)
    connection.sock = connect(lab, port)
    try:
        connection.request("POST" if body else "GET", "/", body or None)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_checks_go_through_the_tunnels(lab: far.FarLab) -> None:
    lab.all_accept()


@every
def test_a_client_is_answered(lab: far.FarLab, port: int) -> None:
    assert ask(lab, port) == "here"


@every
def test_more_than_fits(lab: far.FarLab, port: int) -> None:
    """Full segments do not fit: the client hears what does, and sends it all."""
    kind, vip, real = far.services()[port]
    lab.run("client", "ip", "route", "flush", "cache")
    lab.run("client", "ip", "-6", "route", "flush", "cache")
    body = os.urandom(SIZE)
    before = lab.status()["reasons"]
    assert ask(lab, port, body) == hashlib.sha256(body).hexdigest()
    after = lab.status()["reasons"]
    told = after["answer_too_big"] - before["answer_too_big"]
    learned = lab.run("client", "ip", "route", "get", far.VIPS[vip])
    if kind == "dscp":
        assert told == 0
    else:
        assert told >= 1
        assert f"mtu {1500 - TAKES[real] - HEADERS[kind]}" in learned, learned
        again = lab.status()["reasons"]["answer_too_big"]
        assert ask(lab, port, body) == hashlib.sha256(body).hexdigest()
        assert lab.status()["reasons"]["answer_too_big"] == again, "what just fits goes through"
    for reason in ("drop_too_big", "drop_too_big_limit", "drop_rewrite", "drop_internal"):
        assert after[reason] == before[reason]


@every
def test_clamped(lab: far.FarLab, port: int) -> None:
    """The real announces what fits: nobody has to be told."""
    kind, vip, real = far.services()[port]
    if not shutil.which("nft") or kind == "dscp":
        pytest.skip("there is no nftables here" if kind != "dscp" else "all fits")
    lab.run("client", "ip", "route", "flush", "cache")
    lab.run("client", "ip", "-6", "route", "flush", "cache")
    lab.clamp(port, 1500 - TAKES[real] - HEADERS[kind] - TAKES[vip] - 20)
    before = lab.status()["reasons"]["answer_too_big"]
    body = os.urandom(SIZE)
    assert ask(lab, port, body) == hashlib.sha256(body).hexdigest()
    assert lab.status()["reasons"]["answer_too_big"] == before


def test_the_next_hop_gets_another_mac(lab: far.FarLab) -> None:
    lab.run("router", "ip", "link", "set", "lb", "address", "02:00:00:00:77:01")
    wait_until("it is found", lambda: "02:00:00:00:77:01" in lab.run("lb", "ip", "neigh"), 40)
    lab.all_accept()
    assert ask(lab, 8000) == "here"


def test_a_tunnel_that_nobody_ends(lab: far.FarLab) -> None:
    """What the checks say is what clients find: without the real's side of the tunnel, it is down."""
    if lab.kernel:
        lab.run("real", "ip", "link", "set", "gre0", "down")
        lost = {port for port in lab.ports() if far.services()[port][::2] == ("gre", 4)}
    else:
        lab.run("real", "ip", "link", "set", "eth0", "xdpgeneric", "off")
        lost = set(lab.ports())
    wanted = {port: "down" if port in lost else "accepting" for port in lab.ports()}
    wait_until("those are down", lambda: lab.states() == wanted, 60, every=0.3)
