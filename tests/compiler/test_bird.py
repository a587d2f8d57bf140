"""BIRD's configuration: what it says of each peer, and that BIRD itself accepts it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from vc5c.bird import BirdOptions, render_bird
from vc5c.problems import Problems, Rejected

OPTIONS = BirdOptions("10.1.10.1", ("10.1.10.1", "10.1.20.1", "2001:db8::1"))
VLANS = "vlans: {10: 10.1.10.0/24, 20: 10.1.20.0/24}\n"
EVERYTHING = (
    VLANS
    + """
prefixes: {public: [198.51.100.0/24, 203.0.113.7, "2001:db8::/32"]}
bgp:
  as_number: 65000
  hold_time: 9
  vips:
    public: {communities: [65000:5], local_pref: 50}
    198.51.100.9: {med: 8, local_pref: 60, communities: [1:2:3]}
  peers:
    10.1.10.200: {local_pref: 120, communities: [65000:100, 4200000000:1:2], next_hop_6: "2001:db8::7"}
    10.1.10.201: {peer_as: 65001, med: 7, local_pref: 9, accept: [public], reject: [any], bfd: false}
    10.1.20.200: {reject: [public], multihop: true, source_ip: 10.9.9.9}
    2001:db8::9: {accept: [public], reject: [any], source_ip: 10.1.10.1, vips: {"2001:db8:7::/48": {med: 3}}}
services: []
"""
)


ONLY_6 = """
bgp: {as_number: 1, communities: ["1:2"], peers: ["2001:db8::9"], reject: [any]}
services: []
"""


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
    for family in ("ipv4", "ipv6"):
        kernel = block(text, "protocol kernel", f"vc5_{family}")
        assert "kernel table 205; learn;" in kernel
        assert f"{family} {{ table vc5{family[-2:]}; import filter vc5_learn; export none; }};" in kernel
    assert text.count("protocol kernel") == 2
    assert text.count("protocol bgp") == 4
    assert text.count("import none;") == text.count("export filter to_") == 5  # one peer has both families


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
    to_peer = block(text, "filter", "to_peer_10_1_10_200_ipv4")
    assert "bgp_community.add((65000, 100));" in to_peer
    assert "bgp_large_community.add((4200000000, 1, 2));" in to_peer
    preferences = re.findall(r"bgp_local_pref = (\d+);", to_peer)
    assert preferences == ["120", "50", "60", "50", "0"]
    assert "reject" not in to_peer


def test_external_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_10_1_10_201")
    assert "neighbor 10.1.10.201 as 65001;" in peer
    assert "bfd" not in peer
    to_peer = block(text, "filter", "to_peer_10_1_10_201_ipv4")
    assert "bgp_med = 7;" in to_peer
    assert (
        "if net ~ [ 198.51.100.9/32+ ] then { bgp_large_community.add((1, 2, 3)); bgp_med = 8; }" in to_peer
    )
    assert "local_pref" not in to_peer
    accepted = "[ 198.51.100.0/24+, 203.0.113.7/32+ ]"
    assert f"if !(net ~ {accepted}) && net ~ [ 0.0.0.0/0+ ] then reject;" in to_peer


def test_distant_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_10_1_20_200")
    assert "local 10.9.9.9 as 65000;" in peer
    assert "multihop;" in peer


def test_ipv6_peer(render) -> None:
    text = render(EVERYTHING)
    peer = block(text, "protocol bgp", "peer_2001_db8__9")
    assert "local 2001:db8::1 as 65000; neighbor 2001:db8::9 as 65000; direct;" in peer
    assert (
        "ipv6 { table vc5v6; import none; export filter to_peer_2001_db8__9_ipv6; next hop self; };" in peer
    )
    assert "ipv4" not in peer
    to_peer = block(text, "filter", "to_peer_2001_db8__9_ipv6")
    assert "if !(net ~ [ 2001:db8::/32+ ]) && net ~ [ ::/0+ ] then reject;" in to_peer
    wide, narrow = (
        to_peer.index("net ~ [ 2001:db8::/32+ ] then {"),
        to_peer.index("net ~ [ 2001:db8:7::/48+ ] then {"),
    )
    assert wide < narrow
    assert "if (65535, 0) ~ bgp_community then bgp_local_pref = 0;" in to_peer[narrow:]


def test_ipv6_over_an_ipv4_session(render) -> None:
    peer = block(render(EVERYTHING), "protocol bgp", "peer_10_1_10_200")
    assert "ipv6 { table vc5v6; import none; export filter to_peer_10_1_10_200_ipv6; next hop self; " in peer
    assert "next hop address 2001:db8::7; };" in peer
    assert "ipv6" not in block(render(EVERYTHING), "protocol bgp", "peer_10_1_10_201")


VIP6 = 'services: [{virtual: "2001:db8:9::1", servers: ["2001:db8:1::5"], policy: {http: }}]\n'


@pytest.mark.parametrize(
    ("sources", "next_hop"),
    [
        (("10.1.10.1",), None),
        (("10.1.10.1", "2001:db8:1::1"), "2001:db8:1::1"),
        (("10.1.10.1", "2001:db8:2::1", "2001:db8:1::1"), "2001:db8:1::1"),
        (("10.1.10.1", "2001:db8:2::1", "2001:db8:3::1"), None),
    ],
)
def test_next_hop_of_ipv6_vips(load_text, sources, next_hop) -> None:
    """Without an IPv6 peer it is this host's, beside the peer's VLAN; else nobody is told, with a warning."""
    vlans = 'vlans: {10: 10.1.10.0/24}\nvlans6: {10: "2001:db8:1::/64"}\n'
    text = vlans + "bgp: {as_number: 1, peers: [10.1.10.200]}\n"
    problems = Problems()
    rendered = "".join(render_bird(load_text(text + VIP6), BirdOptions("10.1.10.1", sources), problems))
    assert re.findall(r"next hop address (\S+);", rendered) == ([next_hop] if next_hop else [])
    assert ("bird-family" in [problem.rule for problem in problems.found]) == (next_hop is None)


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
        (
            'bgp: {as_number: 1, peers: ["2001:db8::9"]}',
            BirdOptions("10.1.10.1", ("10.1.10.1",)),
            "bird-source",
        ),
        ('bgp: {as_number: 1, peers: ["fe80::9"]}', OPTIONS, "bird-link-local"),
        (
            "bgp: {as_number: 1, peers: [10.1.10.200]}",
            BirdOptions("10.1.10.1", ("10.1.10.1",), passwords={"10.1.10.201": "/etc/bird/password"}),
            "bird-password",
        ),
    ],
)
def test_refuses(render, text: str, options: BirdOptions, rule: str) -> None:
    with pytest.raises(Rejected) as caught:
        render(text, options)
    assert [problem.rule for problem in caught.value.problems if problem.severity == "error"] == [rule]


@pytest.mark.parametrize(
    "text", [EVERYTHING, "bgp: {as_number: 1, peers: [10.1.10.200]}\nservices: []", ONLY_6]
)
def test_bird_accepts_it(render, text: str, tmp_path) -> None:
    options = BirdOptions("10.1.10.1", ("10.1.10.1", "2001:db8::1")) if "vlans" not in text else OPTIONS
    assert bird_says(render(text, options), tmp_path) == (0, "")


def bird_says(text: str, directory: Path) -> tuple[int, str]:
    """Exit code and complaint of `bird -p`."""
    bird = shutil.which("bird", path="/usr/sbin:/usr/bin:/sbin")
    if bird is None:
        pytest.skip("BIRD 2 is not installed: apt-get install bird2")
    path = directory / "bird.conf"
    path.write_text(text)
    done = subprocess.run([bird, "-p", "-c", str(path)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_password_is_a_file_of_the_host(render, tmp_path) -> None:
    """The session with that peer has it, no other has; and BIRD reads it from there."""
    secret = tmp_path / "password.conf"
    secret.write_text('password "sesame";\n')
    text = render(EVERYTHING, replace(OPTIONS, passwords={"10.1.10.201": str(secret)}))
    assert f'include "{secret}";' in block(text, "protocol bgp", "peer_10_1_10_201")
    assert text.count("include") == 1
    assert "sesame" not in text
    assert bird_says(text, tmp_path) == (0, "")
    secret.write_text('password "";;"\n')
    assert bird_says(text, tmp_path)[0] == 1
