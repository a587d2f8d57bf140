"""What just does not break a rule: a warning that is wrong now and then is soon read by nobody.

That each rule is broken by its own example is test_catalogue.py's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

BGP = "bgp: {as_number: 65000, peers: [10.0.0.200]}\n"


def one(inside: str, top: str = BGP) -> str:
    return f"{top}services: [{{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], {inside}}}]\n"


def peer(options: str) -> str:
    return one("policy: {http: }", f"bgp: {{as_number: 65000, peers: [10.0.0.200], {options}}}\n")


CLEAN = {
    "UDP that is not to be checked": one("policy: {514/udp*: }"),
    "UDP with a check of another port": one("policy: {514/udp: {checks: [{type: syn, port: 22}]}}"),
    "UDP checked by DNS": one("policy: {domain/udp: }"),
    "QUIC checked by its TCP twin": one(
        "host: a.example, policy: {https: , 443/udp: {checks: [{type: https}]}}"
    ),
    "the same check of two paths": one(
        "policy: {http: {checks: [{type: http, path: /a}, {type: http, path: /b}]}}"
    ),
    "a service's path, for one of its policies": one("path: /alive, policy: {http: , smtp: }"),
    "a policy's path, for its own http check": one(
        "policy: {smtp: {path: /alive, checks: [{type: http, port: 80}]}}"
    ),
    "a path for https": one("policy: {https: {host: a.example, path: /}}"),
    "a timeout as long as the window": one("interval: 2, timeout: 6, window: 2 of 3, policy: {http: }"),
    "no check is late where none is made": one("interval: 1, timeout: 60, policy: {http*: }"),
    "noticed as soon as BGP": one(
        "policy: {http: {interval: 2}}", "bgp: {as_number: 65000, hold_time: 6, peers: [10.0.0.200]}\n"
    ),
    "4,000 checks a second": one(
        "interval: 0.1, timeout: 0.1, policy: {http: }",
        BGP + "servers: {x: [" + ", ".join(f"10.0.{n // 200 + 1}.{n % 200}" for n in range(400)) + "]}\n",
    ).replace("[10.0.0.1, 10.0.0.2]", "x"),
    "one server enabled": one("policy: {http: {servers: [10.0.0.1*, 10.0.0.2]}}"),
    "all disabled, and the VIP too": one("policy: {http: {servers: [10.0.0.1*]}}").replace("2.1,", "2.1*,"),
    "need 1": one("need: 1, policy: {http: }"),
    "twenty slots": one("table_size: 41, policy: {http: }"),
    "small weights, and one left out": one("weights: {10.0.0.1: 9}, policy: {http: }"),
    "large weights for all": one("weights: {10.0.0.1: 90, 10.0.0.2: 10}, policy: {http: }"),
    "DNS by minimal tracking": one("track: minimal, policy: {domain: }"),
    "large tables that are one": one("table_size: 1048573, policy: {http: , ssh: , smtp: , imap: }"),
    "hosts beside network and broadcast": one(
        "policy: {http: {servers: [10.0.0.1, 10.0.0.254]}}", BGP + "vlans: {10: 10.0.0.0/24}\n"
    ),
    "a prefix of two addresses": one("policy: {http: }", BGP + "vlans: {1: 10.0.0.0/31, 2: 10.0.0.2/31}\n"),
    "a gateway that is no server": one("policy: {http: }", BGP + "vlans: {10: 10.0.0.254/24}\n"),
    "multicast": one("policy: {http: }", BGP + "multicast: 239.255.255.255:9\n"),
    "multicast without a port": one("policy: {http: }", BGP + "multicast: 224.0.0.1\n"),
    "IPv6 multicast": one("policy: {http: }", BGP + "multicast: '[ff02::1]:9'\n"),
    "reject with an accept that has the VIP": peer("accept: [192.0.2.0/24], reject: [any]"),
    "reject of others": peer("reject: [198.51.100.0/24]"),
    "accept that has all VIPs": peer("accept: [192.0.2.1/32]"),
    "accept and reject of others": peer("accept: [198.51.100.0/24], reject: [203.0.113.0/24]"),
    "local preference within the AS": peer("local_pref: 50"),
    "a private AS to a private one": peer("peer_as: 64512"),
    "a private AS to the largest private one": peer("peer_as: 4294967294"),
    "all but one half is let in": one("policy: {http: }", BGP + "block: [0.0.0.0/1]\n"),
    "all blocked in an emergency": one("policy: {http: }", BGP + "block: {4: [0.0.0.0/0]}\n"),
}


@pytest.mark.parametrize("case", CLEAN)
def test_nothing_is_said(case: str, rules_of) -> None:
    assert rules_of(CLEAN[case]) == set()


SAMPLES = sorted((Path(__file__).parents[2] / "inventories").glob("*/config.yaml"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_samples_are_clean(sample: Path, rules_of) -> None:
    assert rules_of(sample.read_text()) == set()


# One step beyond the cases above.
BROKEN = {
    "nearly twenty slots": (one("table_size: 37, policy: {http: }"), {"few-slots"}),
    "a weight of ten beside none": (one("weights: {10.0.0.1: 10}, policy: {http: }"), {"weight-left-out"}),
    "a timeout longer than the window": (
        one("interval: 2, timeout: 6.1, window: 2 of 3, policy: {http: }"),
        {"slow-timeout"},
    ),
    "later than BGP": (
        one(
            "policy: {http: {interval: 2.1}}", "bgp: {as_number: 65000, hold_time: 6, peers: [10.0.0.200]}\n"
        ),
        {"slower-than-bgp"},
    ),
    "UDP checked by TCP, whose twin is of another VIP": (
        "bgp: {as_number: 65000, peers: [10.0.0.200]}\nservices:\n"
        "  - {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {443/udp: {checks: [{type: syn}]}}}\n"
        "  - {virtual: 192.0.2.2, servers: [10.0.0.1], policy: {443: }}\n",
        {"tcp-check-of-udp"},
    ),
    "IPv6 rejected by any": (
        "bgp: {as_number: 65000, peers: [10.0.0.200], reject: [any], next_hop_6: '2001:db8::9'}\n"
        "services: [{virtual: '2001:db8:1::1', servers: ['2001:db8::1'], policy: {http: }}]\n",
        {"rejects-all"},
    ),
    "all disabled, and more needed: said once": (
        one("policy: {http: {need: 2, servers: [10.0.0.1*, 10.0.0.2*]}}"),
        {"need-above-enabled"},
    ),
    "the first address of a VLAN": (
        one("policy: {http: {servers: [10.0.0.0]}}", BGP + "vlans: {10: 10.0.0.0/24}\n"),
        {"network-address"},
    ),
    "just no multicast": (one("policy: {http: }", BGP + "multicast: 240.0.0.1:9\n"), {"multicast-address"}),
    "all blocked by halves, IPv6": (
        one("policy: {http: }", BGP + "block: ['::/1', '8000::/1']\n"),
        {"blocks-all"},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_step_beyond(case: str, rules_of) -> None:
    text, rules = BROKEN[case]
    assert rules_of(text) == rules


def test_the_place_is_the_setting_that_counts(rendered) -> None:
    """A policy's own wins over its service's."""
    shown = rendered(one("path: /alive, policy: {http: {path: alive}}"))
    assert shown.splitlines()[2].index("^") == shown.splitlines()[1].index("alive}")
