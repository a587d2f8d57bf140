"""BIRD's configuration: what it says of each peer, and that BIRD itself accepts it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from vc5c.bird import BirdOptions, render_bird
from vc5c.problems import Problems, Rejected

OPTIONS = BirdOptions("10.1.10.1", ("10.1.10.1", "10.1.20.1"))
VLANS = "vlans: {10: 10.1.10.0/24, 20: 10.1.20.0/24}\n"
EVERYTHING = (
    VLANS
    + """
prefixes: {public: [198.51.100.0/24, 203.0.113.7, "2001:db8::/32"]}
bgp:
  as_number: 65000
  hold_time: 9
  peers:
    10.1.10.200: {local_pref: 120, communities: [65000:100, 4200000000:1:2]}
    10.1.10.201: {peer_as: 65001, med: 7, local_pref: 9, accept: [public], reject: [any], bfd: false}
    10.1.20.200: {reject: [public], multihop: true, source_ip: 10.9.9.9}
    2001:db8::9: {}
services: []
"""
)


@pytest.fixture
def render(load_text):
    def do(text: str, options: BirdOptions = OPTIONS) -> str:
        return "".join(render_bird(load_text(text), options, Problems()))

    return do


def block(text: str, kind: str, name: str) -> str:
    """The body of `kind name { … }`, its white space reduced."""
    match = re.search(rf"^{kind} {name} \{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE)
    assert match, f"no {kind} {name}"
    return " ".join(match[1].split())


def test_learns_only_its_own_table(render) -> None:
    text = render(EVERYTHING)
    kernel = block(text, "protocol kernel", "vc5")
    assert "kernel table 205; learn;" in kernel
    assert "export none;" in kernel
    assert text.count("protocol kernel") == 1
    assert text.count("import none;") == text.count("protocol bgp") == 3  # IPv4 peers


def test_tells_its_routes_by_their_protocol(render) -> None:
    learn = block(render(EVERYTHING), "filter", "vc5_learn")
    graceful = (
        "if krt_source = 206 then { bgp_community.add((65535, 0)); # GRACEFUL_SHUTDOWN (RFC 8326) accept; }"
    )
    assert learn == f"if krt_source = 205 then accept; {graceful} reject;"


def test_internal_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_10_1_10_200")
    assert "local 10.1.10.1 as 65000; neighbor 10.1.10.200 as 65000; direct; hold time 9; bfd;" in peer
    assert "next hop self;" in peer
    to_peer = block(text, "filter", "to_peer_10_1_10_200")
    assert "bgp_community.add((65000, 100));" in to_peer
    assert "bgp_large_community.add((4200000000, 1, 2));" in to_peer
    assert to_peer.index("bgp_local_pref = 120;") < to_peer.index("bgp_local_pref = 0;")
    assert "reject" not in to_peer


def test_external_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_10_1_10_201")
    assert "neighbor 10.1.10.201 as 65001;" in peer
    assert "bfd" not in peer
    to_peer = block(text, "filter", "to_peer_10_1_10_201")
    assert "bgp_med = 7;" in to_peer
    assert "local_pref" not in to_peer
    accepted = "[ 198.51.100.0/24+, 203.0.113.7/32+ ]"
    assert f"if !(net ~ {accepted}) && net ~ [ 0.0.0.0/0+ ] then reject;" in to_peer


def test_distant_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_10_1_20_200")
    assert "local 10.9.9.9 as 65000;" in peer
    assert "multihop;" in peer


def test_source_of_the_peers_vlan(render) -> None:
    text = render(VLANS + "bgp: {as_number: 1, peers: [10.1.20.200]}\nservices: []")
    assert "local 10.1.20.1 as 1;" in text


@pytest.mark.parametrize(
    ("text", "options", "rule"),
    [
        ("bgp: {as_number: 1, peers: [10.1.10.200]}", BirdOptions(None, ("10.1.10.1",)), "bird-router-id"),
        ("bgp: {as_number: 1, peers: [10.1.10.200]}", BirdOptions("10.1.10.1", ()), "bird-source"),
        (VLANS + "bgp: {as_number: 1, peers: [10.3.0.1]}", OPTIONS, "bird-source"),
        (
            VLANS + "bgp: {as_number: 1, peers: [10.1.10.200]}",
            BirdOptions("10.1.10.1", ("10.1.20.1",)),
            "bird-source",
        ),
        ("services: []", OPTIONS, "bird-no-peers"),
    ],
)
def test_refuses(render, text: str, options: BirdOptions, rule: str) -> None:
    with pytest.raises(Rejected) as caught:
        render(text, options)
    assert [problem.rule for problem in caught.value.problems if problem.severity == "error"] == [rule]


@pytest.mark.parametrize("text", [EVERYTHING, "bgp: {as_number: 1, peers: [10.1.10.200]}\nservices: []"])
def test_bird_accepts_it(render, text: str, tmp_path) -> None:
    bird = shutil.which("bird", path="/usr/sbin:/usr/bin:/sbin")
    if bird is None:
        pytest.skip("BIRD 2 is not installed: apt-get install bird2")
    path = tmp_path / "bird.conf"
    path.write_text(
        render(text, BirdOptions("10.1.10.1", ("10.1.10.1",)) if "vlans" not in text else OPTIONS)
    )
    done = subprocess.run([bird, "-p", "-c", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
