"""MACs from a file, from `ip -j neigh` and from the kernel, and which of them wins."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from vc5c import neighbors
from vc5c.cli import main

REALS = ["10.1.10.1", "10.1.10.2", "10.1.10.3", "10.1.10.4", "2001:db8::5"]
TEXT = """
neighbors: {10.1.10.1: "52:54:00:00:00:01", file: sub/neighbors.yaml}
services:
  - {virtual: 192.0.2.1, servers: [10.1.10.1, 10.1.10.2, 10.1.10.3, 10.1.10.4], policy: {http: }}
  - {virtual: "2001:db8:9::1", servers: ["2001:db8::5"], policy: {http: }}
  - {virtual: 192.0.2.2, servers: [10.9.9.9], tunnel-type: ipip, policy: {http: }}
"""


def mac(source: int, host: int) -> str:
    return f"52:54:00:00:{source:02x}:{host:02x}"


@pytest.fixture
def compiled(tmp_path: Path, capsys) -> Callable[..., tuple[int, dict[str, str], str]]:
    """Exit code, the MACs of the document, and what was said."""

    def do(*options: str, text: str = TEXT):
        (tmp_path / "config.yaml").write_text(text)
        code = main([str(tmp_path / "config.yaml"), *options])
        out, err = capsys.readouterr()
        found = json.loads(out)["neighbors"] if code == 0 else {}
        return code, {address: entry["mac"] for address, entry in found.items()}, err

    return do


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "neighbors.yaml"
    path.write_text(
        f"10.1.10.1: {mac(2, 1)}\n10.1.10.2: {mac(2, 2).upper()}\n10.200.0.1: {mac(2, 9)}\n2001:DB8::5:\n"
    )
    return path


def test_precedence(compiled, file: Path, tmp_path: Path, monkeypatch) -> None:
    listed = [
        {"dst": "10.1.10.2", "dev": "eth0", "lladdr": mac(3, 2), "state": ["REACHABLE"]},
        {"dst": "10.1.10.3", "dev": "eth0", "lladdr": mac(3, 3), "state": ["STALE"]},
        {"dst": "10.1.10.4", "dev": "eth0", "lladdr": mac(3, 4), "state": ["FAILED"]},
        {"dst": "2001:db8::5", "dev": "eth0", "state": ["INCOMPLETE"]},
        {"dst": "fe80::1", "dev": "eth0", "lladdr": mac(3, 5), "state": ["STALE"]},
    ]
    (tmp_path / "ip.json").write_text(json.dumps(listed))
    monkeypatch.setattr(neighbors, "kernel_neighbors", lambda: {real: mac(4, 4) for real in REALS})
    code, macs, said = compiled("--neighbors", str(tmp_path / "ip.json"), "--resolve")
    assert (code, macs) == (
        0,
        {
            "10.1.10.1": mac(0, 1),
            "10.1.10.2": mac(2, 2),
            "10.1.10.3": mac(3, 3),
            "10.1.10.4": mac(4, 4),
            "2001:db8::5": mac(4, 4),
            "10.9.9.9": None,
        },
    )
    assert "unresolved" not in said


def test_what_the_kernel_lacks_is_a_warning(compiled, file: Path, monkeypatch) -> None:
    monkeypatch.setattr(neighbors, "kernel_neighbors", lambda: {"10.1.10.3": mac(4, 3)})
    code, macs, said = compiled("--resolve")
    assert (code, macs["10.1.10.3"], macs["10.1.10.4"]) == (0, mac(4, 3), None)
    assert "config.yaml:4:69: warning: 10.1.10.4 is not among this host's neighbors" in said
    assert "2001:db8::5 is not" in said
    assert "10.9.9.9 is not" not in said


def test_the_kernel_is_not_asked_in_vain(compiled, monkeypatch) -> None:
    def never() -> dict[str, str]:
        raise AssertionError

    monkeypatch.setattr(neighbors, "kernel_neighbors", never)
    text = (
        "neighbors: {10.0.0.1: 52:54:00:00:00:01}\n"
        "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}]\n"
    )
    assert compiled("--resolve", text=text)[0] == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.1.10.2: 52:54\n", "sub/neighbors.yaml:1:12: error: `52:54` is no MAC address [bad-mac]"),
        (
            "nine: 52:54:00:00:00:01\n",
            "sub/neighbors.yaml:1:1: error: `nine` is not an IP address [bad-address]",
        ),
        ("7\n", "sub/neighbors.yaml:1:1: error: neighbors are a mapping of addresses to MACs"),
        ("- 10.1.10.2\n", "sub/neighbors.yaml:1:3: error: neighbors are a mapping of addresses to MACs"),
        ("a: [\n", "sub/neighbors.yaml:2:1: error: broken YAML"),
        (
            "10.1.10.2: 01:00:5e:00:00:01\n",
            "sub/neighbors.yaml:1:12: error: 01:00:5e:00:00:01 is no single station's",
        ),
        (
            "[{dst: 10.1.10.2, lladdr: 52:54:00:00:00:01}, {dst: 10.1.10.2, lladdr: 52:54:00:00:00:02}]",
            "sub/neighbors.yaml:1:72: error: 10.1.10.2 has two MAC addresses [neighbor-conflict]",
        ),
    ],
)
def test_faults_of_a_file(compiled, file: Path, text: str, wanted: str) -> None:
    file.write_text(text)
    code, _, said = compiled()
    assert code == 1
    assert wanted in said


def test_no_such_file(compiled, tmp_path: Path) -> None:
    code, _, said = compiled()
    assert code == 1
    assert "config.yaml:2:" in said
    assert "there is no such file [include-missing]" in said
    code, _, said = compiled(
        "--neighbors", str(tmp_path / "none"), text=TEXT.replace(", file: sub/neighbors.yaml", "")
    )
    assert code == 2
    assert said == f"vc5c: cannot read {tmp_path}/none: No such file or directory\n"


def test_pyroute2_only_when_asked() -> None:
    """Compiling needs neither the library nor a kernel that answers."""
    script = "import sys, vc5c.cli; sys.exit('pyroute2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.lab
def test_the_kernel_itself() -> None:
    """Asked in a namespace of its own, where this test has put an entry."""
    script = (
        "ip link set lo up; ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up;"
        "ip addr add 10.7.0.1/24 dev d0;"
        "ip neigh add 10.7.0.9 lladdr 52:54:00:00:00:09 dev d0 nud permanent;"
        "ip neigh add 10.7.0.8 dev d0 nud failed || :;"
        f"{sys.executable} -c 'import vc5c.neighbors as n; print(n.kernel_neighbors())'"
    )
    done = subprocess.run(["unshare", "-n", "sh", "-ec", script], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("network namespaces need root")
    assert (done.stderr, done.stdout) == ("", "{'10.7.0.9': '52:54:00:00:00:09'}\n")
