"""vc5ctl doctor beside a real BIRD with the configuration that vc5c writes, broken in each way that operators
meet: what it says is wrong, and the fix that it names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire import output, until

BIRD, BIRDC = "/usr/sbin/bird", "/usr/sbin/birdc"
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which(BIRD) is None, reason="BIRD 2 is not installed: bird2"),
]

CONFIG = """
vlans: {10: 10.66.10.0/24}
bgp: {as_number: 65000, peers: [10.66.10.11]}
services:
  - name: web
    virtual: 192.0.2.80
    servers: [10.66.10.12]
    path: /alive
    policy: {http: }
"""
ROUTER = """
router id 10.66.10.11;
protocol device { }
protocol bfd { interface "*" { interval 100 ms; multiplier 5; }; }
protocol bgp lb {
    local 10.66.10.11 as 65000; neighbor 10.66.10.1 as 65000; direct; passive; bfd; error wait time 1, 2;
    ipv4 { import all; export none; };
}
"""
PEER, KERNEL = "peer_10_66_10_11", "vc5_ipv4"


class Pair:
    """A load balancer's namespace, with a route as vc5d makes it, and a router's; a BIRD in each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.control, self.document = directory / "lb.ctl", directory / "config.json"
        prefix = f"vc5doc-{os.getpid()}"
        self.spaces = {"lb": f"{prefix}-lb", "router": f"{prefix}-router"}
        self.birds: dict[str, subprocess.Popen[bytes]] = {}
        vc5c = [Path(sys.executable).with_name("vc5c"), "config.yaml"]
        (directory / "config.yaml").write_text(CONFIG)
        subprocess.run([*vc5c, "-o", self.document], cwd=directory, check=True, stderr=subprocess.DEVNULL)
        emit = ["--emit", "bird", "--router-id", "10.66.10.1", "--source", "10.66.10.1"]
        done = subprocess.run([*vc5c, *emit], cwd=directory, check=True, capture_output=True, text=True)
        self.good = done.stdout.replace("scan time 10", "scan time 1").replace("log syslog all;", "")

    def build(self) -> None:
        for space in self.spaces.values():
            run("ip", "netns", "add", space)
        lb, router = self.spaces.values()
        run("ip", "-n", lb, "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", router)
        for space, address in ((lb, "10.66.10.1/24"), (router, "10.66.10.11/24")):
            run("ip", "-n", space, "address", "add", address, "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", lb, *["route", "add", "192.0.2.80/32", "dev", "eth0", "table", "205", "proto", "205"])
        self.start("router", ROUTER)
        self.start("lb", self.good)
        until(lambda: not self.failures(), 30)

    def start(self, name: str, text: str) -> None:
        file = self._directory / f"{name}.conf"
        file.write_text(text)
        enter = ["nsenter", f"--net=/run/netns/{self.spaces[name]}"]
        command = [BIRD, "-f", "-c", str(file), "-s", str(self._directory / f"{name}.ctl")]
        self.birds[name] = subprocess.Popen([*enter, *command], stderr=subprocess.DEVNULL)

    def stop(self, name: str) -> None:
        self.birds[name].kill()
        self.birds.pop(name).wait()

    def destroy(self) -> None:
        for name in list(self.birds):
            self.stop(name)
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "del", space], check=False)

    def tell(self, *words: str) -> str:
        return output(BIRDC, "-s", str(self.control), *words)

    def configure(self, old: str, new: str) -> None:
        assert old in self.good
        file = self._directory / "other.conf"
        file.write_text(self.good.replace(old, new))
        self.tell("configure", f'"{file}"')

    def failures(self) -> dict[str, str]:
        """What of BIRD fails: the fix by what."""
        command = [sys.executable, "-m", "vc5d.ctl", "--socket", str(self._directory / "none"), "doctor"]
        command += ["--json", "--bird", str(self.control), "--document", str(self.document), "eth0"]
        enter = ["nsenter", f"--net=/run/netns/{self.spaces['lb']}"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        found = [each for each in json.loads(done.stdout) if each["area"] == "BIRD"]
        assert found
        return {each["what"]: each["fix"] for each in found if each["level"] == "fail"}


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("bird"))
    try:
        made.build()
        yield made
    finally:
        made.destroy()


@pytest.fixture
def pair(built: Pair) -> Pair:
    """All is well again."""
    for name, text in (("router", ROUTER), ("lb", built.good)):
        if name not in built.birds:
            built.start(name, text)
    until(lambda: built.control.exists() and "Reconfig" in built.tell("configure"), 10)
    built.tell("enable", "all")
    built.tell("restart", PEER)  # or it would wait, after an error, for a minute
    until(lambda: not built.failures(), 40)
    return built


def says(pair: Pair, what: str, fix: str) -> None:
    until(lambda: any(what in each for each in pair.failures()), 20)
    found = next((each, fix) for each, fix in pair.failures().items() if what in each)
    assert fix in found[1], found


def test_the_session_is_down_and_why(pair: Pair) -> None:
    pair.stop("router")
    says(
        pair,
        f"{PEER} is not established: Active Socket: Connection refused",
        "is this host's address a neighbor",
    )


def test_the_session_is_disabled(pair: Pair) -> None:
    pair.tell("disable", PEER)
    says(pair, f"{PEER} is disabled", f"birdc enable {PEER}")


def test_the_as_number_is_another(pair: Pair) -> None:
    pair.configure("neighbor 10.66.10.11 as 65000", "neighbor 10.66.10.11 as 65001")
    says(pair, "Bad peer AS", "bgp.as_number and peer_as")


def test_the_import_filter_refuses(pair: Pair) -> None:
    pair.configure("if krt_source = 205 then accept;", "")
    says(
        pair,
        f"it has not learned 192.0.2.80: the import filter of {KERNEL} (vc5_learn) refuses",
        "krt_source 205",
    )


def test_the_kernels_protocol_is_disabled(pair: Pair) -> None:
    pair.tell("disable", KERNEL)
    says(pair, f"{KERNEL} is disabled", f"birdc enable {KERNEL}")


def test_another_table_is_read(pair: Pair) -> None:
    pair.configure("kernel table 205", "kernel table 207")
    says(pair, "no `protocol kernel` here has `learn` and `kernel table 205`", "vc5c --emit bird")


def test_there_is_no_protocol(pair: Pair) -> None:
    begin, end = pair.good.index("protocol kernel"), pair.good.index("protocol bfd")
    pair.configure(pair.good[begin:end], "")
    says(pair, "it has no `protocol kernel`", "vc5c --emit bird")
    pair.configure(pair.good[pair.good.index("protocol bgp") :], "")
    says(pair, "it has no BGP session", "peers: in the YAML")


def test_the_export_filter_refuses(pair: Pair) -> None:
    pair.configure(f"export filter to_{PEER}_ipv4;", "export none;")
    says(pair, f"{PEER} is established and tells its router of no VIP", "Output filter")


def test_it_was_killed_or_is_not_there(pair: Pair) -> None:
    pair.stop("lb")
    says(pair, f"BIRD has ended: nobody answers at {pair.control}", "systemctl restart bird")
    pair.control.unlink()
    says(pair, "BIRD does not run here", "systemctl enable --now bird")
