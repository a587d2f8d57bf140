"""What the role realserver runs on a real server, in a network namespace: VIPs, tunnels and rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

PROGRAM = Path(__file__).parents[2] / "roles" / "realserver" / "files" / "vc5-realserver"
FOREIGN = "192.0.2.77"  # on the loopback by somebody else's doing
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    name = f"vc5-realserver-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)

    def inside(
        *command: str | Path, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        words = ["ip", "netns", "exec", name, *command]
        env = os.environ | environment
        return subprocess.run(words, check=check, capture_output=True, text=True, env=env)

    try:
        inside("ip", "address", "add", f"{FOREIGN}/32", "dev", "lo")
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def addresses(run: Run) -> set[str]:
    (lo,) = json.loads(run("ip", "-j", "address", "show", "dev", "lo").stdout)
    return {f"{each['local']}/{each['prefixlen']}" for each in lo["addr_info"]} - {f"{FOREIGN}/32"}


class Host:
    def __init__(self, run: Run, directory: Path) -> None:
        self._run, self._directory = run, directory

    def __call__(self, what: str, *lines: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The program's `up` with this as its file, or `down`."""
        file = self._directory / "vc5-realserver.conf"
        file.write_text("\n".join(["# a comment", *lines, ""]))
        environment = {
            "VC5_REALSERVER_CONF": str(file),
            "VC5_REALSERVER_STATE": str(self._directory / "state"),
        }
        return self._run("sh", PROGRAM, what, check=check, **environment)


@pytest.fixture
def host(run: Run, tmp_path: Path) -> Host:
    return Host(run, tmp_path)


def test_vips_come_change_and_go(run: Run, host: Host) -> None:
    host("up", "vip 192.168.101.1", "vip 2001:db8:101::1")
    assert addresses(run) == {"192.168.101.1/32", "2001:db8:101::1/128"}
    host("up", "vip 192.168.101.1", "vip 2001:db8:101::1")
    assert addresses(run) == {"192.168.101.1/32", "2001:db8:101::1/128"}
    host("up", "vip 192.168.101.2", "vip 2001:db8:101::1")
    assert addresses(run) == {"192.168.101.2/32", "2001:db8:101::1/128"}
    host("down")
    assert addresses(run) == set()
    assert FOREIGN in run("ip", "address").stdout, "what somebody else put there stays"


def test_what_stopped_in_between_is_not_forgotten(run: Run, host: Host) -> None:
    failed = host("up", "vip 192.168.101.1", "nonsense 1", check=False)
    assert failed.returncode == 1
    assert "what is `nonsense`?" in failed.stderr
    host("up", "vip 192.168.101.2")
    assert addresses(run) == {"192.168.101.2/32"}


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")
def test_rules_for_dscp_and_mss(run: Run, host: Host) -> None:
    host(
        "up",
        "dscp 10 10.9.9.9 192.168.101.9",
        "dscp 12 fd00::9 2001:db8::9",
        "mss 192.168.101.9 80 1400",
        "mss 2001:db8::9 0 1380",
    )
    rules = run("nft", "list", "ruleset").stdout
    assert "ip daddr 10.9.9.9 ip dscp af11 ip daddr set 192.168.101.9" in rules
    assert "ip6 daddr fd00::9 ip6 dscp af12 ip6 daddr set 2001:db8::9" in rules
    assert "ip saddr 192.168.101.9 tcp sport 80 tcp flags syn tcp option maxseg size set 1400" in rules
    assert "ip6 saddr 2001:db8::9 tcp flags syn tcp option maxseg size set 1380" in rules
    host("up", "vip 192.168.101.1")
    assert run("nft", "list", "ruleset").stdout == ""


KINDS = ["ipip 4 10.9.9.9", "ipip 6 10.9.9.9", "ipip 4 fd00::9", "gre 4 10.9.9.9", "gre 6 fd00::9"]
UDP = ["fou 4 10.9.9.9 9999", "gue 6 10.9.9.9 9998"]


@pytest.mark.parametrize("tunnel", [*KINDS, *UDP])
def test_tunnels(run: Run, host: Host, tunnel: str) -> None:
    modules = ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou")
    if any(subprocess.run(["modprobe", "-q", name], check=False).returncode for name in modules):
        pytest.skip("this kernel has no tunnels")
    host("up", f"tunnel {tunnel}")
    made = [line for line in run("ip", "-br", "link").stdout.splitlines() if line.startswith("vc5")]
    assert len(made) == 1
    assert "UP" in made[0]
    host("up", f"tunnel {tunnel}")
    host("down")
    assert not [line for line in run("ip", "-br", "link").stdout.splitlines() if line.startswith("vc5")]
    assert run("ip", "fou", "show", check=False).stdout == ""
