"""BIRD's configuration at work: two BIRDs in network namespaces, routes as vc5d makes them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from vc5c.bird import BirdOptions, render_bird
from vc5c.problems import Problems

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        shutil.which("bird", path="/usr/sbin") is None, reason="BIRD 2 is not installed: bird2"
    ),
]

CONFIG = """
bgp:
  as_number: 65000
  communities: [65000:77]
  local_pref: 250
  reject: [203.0.113.0/24, "2001:db8:bad::/48"]
  vips:
    192.0.2.3: {communities: [65000:3], med: 33, local_pref: 130}
    2001:db8:9::/48: {communities: [65000:9]}
  peers:
    10.77.0.2: {next_hop_6: "fd77::1"}
    fd77::2: {local_pref: 66}
services: []
"""

ROUTER = """
log stderr all;
router id 10.77.0.2;
protocol device {}
protocol bfd { interface "*" { interval 100 ms; multiplier 5; }; }
protocol bgp lb {
	local 10.77.0.2 as 65000;
	neighbor 10.77.0.1 as 65000;
	direct;
	passive;
	bfd;
	ipv4 { import all; export none; };
	ipv6 { import all; export none; };
}
protocol bgp lb6 {
	local fd77::2 as 65000;
	neighbor fd77::1 as 65000;
	direct;
	passive;
	bfd;
	ipv6 { import all; export none; };
}
"""

# Holds a TUN device open as vc5d does: its routes live as long as the process.
HOLD_TUN = """
import fcntl, struct, sys, time
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"vc5", 0x1001))
print("open", flush=True)
time.sleep(120)
"""


class Pair:
    """A load balancer's BIRD and a router's, joined by a veth."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory, self.stack = directory, stack
        self.lb, self.router = (f"vc5c{os.getpid()}{side}" for side in ("lb", "rt"))

    def start(self, lb_conf: str) -> None:
        for name in (self.lb, self.router):
            run("ip", "netns", "add", name)
            self.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        run("ip", "-n", self.lb, "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", self.router)
        for name, host in ((self.lb, 1), (self.router, 2)):
            run("ip", "-n", name, "addr", "add", f"10.77.0.{host}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"fd77::{host}/64", "dev", "eth0", "nodad")
            for device in ("lo", "eth0"):
                run("ip", "-n", name, "link", "set", device, "up")
        tun = self.spawn(self.lb, sys.executable, "-c", HOLD_TUN)
        assert tun.stdout
        assert tun.stdout.readline() == b"open\n"
        run("ip", "-n", self.lb, "link", "set", "vc5", "up")
        self.bird(self.router, "router", ROUTER)
        self.bird(self.lb, "lb", lb_conf)

    def bird(self, namespace: str, name: str, text: str) -> None:
        conf = self.directory / f"{name}.conf"
        conf.write_text(text.replace("log syslog all;", "log stderr all;"))
        run("/usr/sbin/bird", "-p", "-c", str(conf))
        self.spawn(
            namespace, "/usr/sbin/bird", "-f", "-c", str(conf), "-s", str(self.directory / f"{name}.ctl")
        )

    def spawn(self, namespace: str, *command: str) -> subprocess.Popen[bytes]:
        entered = ["nsenter", f"--net=/run/netns/{namespace}", *command]
        process = subprocess.Popen(entered, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def route(self, *words: str) -> None:
        run("ip", "-n", self.lb, "route", *words, "dev", "vc5", "table", "205")

    def learned(self, *of: str) -> str:
        control = str(self.directory / "router.ctl")
        shown = subprocess.run(
            ["/usr/sbin/birdc", "-s", control, "show", "route", *of, "all"],
            capture_output=True,
            text=True,
            check=False,
        )
        return shown.stdout


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def pair(tmp_path: Path, load_text) -> Iterator[Pair]:
    options = BirdOptions("10.77.0.1", ("10.77.0.1", "fd77::1"))
    with ExitStack() as stack:
        pair = Pair(tmp_path, stack)
        pair.start("".join(render_bird(load_text(CONFIG), options, Problems())))
        yield pair


def test_announce_drain_withdraw(pair: Pair) -> None:
    pair.route("add", "192.0.2.1/32", "proto", "205")
    pair.route("add", "192.0.2.2/32", "proto", "static")  # not vc5d's
    pair.route("add", "203.0.113.1/32", "proto", "205")  # rejected by the peer's filter
    assert until(lambda: "192.0.2.1/32" in pair.learned(), 30), pair.learned()
    shown = pair.learned()
    assert "BGP.next_hop: 10.77.0.1" in shown
    assert "BGP.local_pref: 250" in shown
    assert "BGP.community: (65000,77)" in shown
    assert "192.0.2.2/32" not in shown
    assert "203.0.113.1/32" not in shown

    pair.route("replace", "192.0.2.1/32", "proto", "206")
    assert until(lambda: "(65535,0)" in pair.learned(), 5), pair.learned()
    assert "BGP.local_pref: 0" in pair.learned()

    pair.route("del", "192.0.2.1/32")
    assert until(lambda: "192.0.2.1/32" not in pair.learned(), 5), pair.learned()

    main = subprocess.run(["ip", "-n", pair.lb, "route"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in main.splitlines()] == ["10.77.0.0/24"]


def test_ipv6_by_both_sessions(pair: Pair) -> None:
    vip, other = "2001:db8:9::1/128", "2001:db8:bad::1/128"
    pair.route("add", vip, "proto", "205")
    pair.route("add", other, "proto", "205")  # rejected by the peers' filter

    def by(session: str) -> str:
        return pair.learned("protocol", session)

    assert until(lambda: vip in by("lb") and vip in by("lb6"), 30), pair.learned()
    for session, preference in (("lb", 250), ("lb6", 66)):
        shown = by(session)
        assert "BGP.next_hop: fd77::1" in shown
        assert f"BGP.local_pref: {preference}" in shown
        assert "BGP.community: (65000,9) (65000,77)" in shown
    assert other not in pair.learned()

    pair.route("replace", vip, "proto", "206")
    assert until(lambda: "(65535,0)" in by("lb") and "(65535,0)" in by("lb6"), 5), pair.learned()
    assert re.findall(r"BGP.local_pref: (\d+)", by("lb") + by("lb6")) == ["0", "0"]

    pair.route("del", vip)
    assert until(lambda: vip not in pair.learned(), 5), pair.learned()


def test_options_of_a_vip(pair: Pair) -> None:
    pair.route("add", "192.0.2.3/32", "proto", "205")
    assert until(lambda: "192.0.2.3/32" in pair.learned(), 30), pair.learned()
    shown = pair.learned()
    assert "BGP.community: (65000,3) (65000,77)" in shown
    assert "BGP.med: 33" in shown
    assert "BGP.local_pref: 130" in shown


def test_bfd_comes_up(pair: Pair) -> None:
    def up() -> bool:
        command = ["/usr/sbin/birdc", "-s", str(pair.directory / "router.ctl"), "show bfd sessions"]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        up = {line.split()[0] for line in shown.splitlines() if " Up " in line}
        return up == {"10.77.0.1", "fd77::1"}

    assert until(up, 30)
