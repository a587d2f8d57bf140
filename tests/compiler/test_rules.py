"""Both sides of each rule: reject/ has what breaks them, here is what just does not."""

from __future__ import annotations

import pytest
from vc5c.maglev import MAX_REALS

VLANS = "vlans: {10: 10.1.10.0/24}\n"


def one(inside: str) -> str:
    return f"services: [{{virtual: 192.0.2.1, {inside}}}]\n"


CASES = {
    "no VLANs, no server outside one": (one("servers: [10.9.0.1], policy: {http: }"), []),
    "only other servers are outside": (VLANS + one("servers: [10.1.10.254], policy: {http: }"), []),
    "a tunnel goes anywhere": (
        VLANS + one("servers: [10.9.0.1], tunnel-type: ipip, policy: {http: }"),
        [],
    ),
    "no tunnel does not": (
        VLANS + one("servers: [10.9.0.1], tunnel-type: none, policy: {http: }"),
        ["server-in-no-vlan"],
    ),
    "IPv6 servers need vlans6": (
        VLANS + 'services: [{virtual: "2001:db8::2", servers: ["2001:db8::1"], policy: {http: }}]',
        ["server-in-no-vlan"],
    ),
    "IPv6 servers in vlans6": (
        'vlans6: {10: "2001:db8::/64"}\n'
        'services: [{virtual: "2001:db8:1::2", servers: ["2001:db8::1"], policy: {http: }}]',
        [],
    ),
    "adjacent VLANs": (
        "vlans: {1: 10.0.0.0/25, 2: 10.0.0.128/25}\n" + one("servers: [10.0.0.1], policy: {http: }"),
        [],
    ),
    "a VIP beside a VLAN": (
        "vlans: {1: 192.0.2.128/25}\n" + one("servers: [192.0.2.129], policy: {http: }"),
        [],
    ),
    "the same port, said twice": (one("servers: [10.0.0.1], policy: {http: 80, ssh: {bind: 22}}"), []),
    "need all": (one("servers: [10.0.0.1, 10.0.0.2], need: 2, policy: {http: }"), []),
    "need all, one disabled": (
        one("servers: [10.0.0.1, 10.0.0.2*], need: 2, policy: {http: }"),
        ["need-above-enabled"],
    ),
    "TCP and UDP on one port": (one("servers: [10.0.0.1], policy: {53/tcp: , 53/udp*: }"), []),
    "domain is both": (one("servers: [10.0.0.1], policy: {domain*: , 53/udp*: }"), ["duplicate-service"]),
    "two families": (
        one('servers: [10.0.0.1, "2001:db8::1", "2001:db8::2"], policy: {http: , ssh: }'),
        ["family-mismatch"],
    ),
    "two families of VIPs": (
        'services: [{virtual: [192.0.2.1, "2001:db8::9"], servers: [10.0.0.1], policy: {http: }}]',
        ["family-mismatch"],
    ),
    "two families in a tunnel": (
        one('servers: [10.0.0.1, "2001:db8::1"], tunnel-type: gre, policy: {http: , ssh: }'),
        [],
    ),
    "a mark crosses no families": (
        one('servers: ["2001:db8::1"], tunnel-type: dscp, tunnel-dscp: 1, policy: {http: }'),
        ["family-mismatch"],
    ),
    "a port for FOU": (one("servers: [10.0.0.1], tunnel-type: fou, policy: {http: }"), ["tunnel-needs"]),
    "a policy's own port": (
        one("servers: [10.0.0.1], tunnel-type: fou, policy: {http: {tunnel-port: 5555}}"),
        [],
    ),
    "GUE says what is inside": (
        'services: [{virtual: [192.0.2.1, "2001:db8::9"], servers: [10.0.0.1], tunnel-type: gue, '
        "tunnel-port: 6080, policy: {http: , ssh: }}]",
        [],
    ),
    "FOU does not": (
        'services: [{virtual: [192.0.2.1, "2001:db8::9"], servers: [10.0.0.1], tunnel-type: fou, '
        "tunnel-port: 6080, policy: {http: }}]",
        ["tunnel-ambiguous"],
    ),
    "a mark for a VIP": (
        one("servers: [10.0.0.1], tunnel-type: dscp, tunnel-dscp: 63, policy: {http: , ssh: }"),
        [],
    ),
    "a mark for two VIPs": (
        "services: [{virtual: [192.0.2.1, 192.0.2.2], servers: [10.0.0.1], tunnel-type: dscp, "
        "tunnel-dscp: 1, policy: {http: }}]",
        ["tunnel-ambiguous"],
    ),
    "a mark for two VIPs, on other reals": (
        "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], tunnel-type: dscp, tunnel-dscp: 1, policy: "
        "{http: }}, {virtual: 192.0.2.2, servers: [10.0.0.2], tunnel-type: dscp, tunnel-dscp: 1, policy: "
        "{http: }}]",
        [],
    ),
    "settings of tunnels without one": (
        one("servers: [10.0.0.1], tunnel-mtu: 1500, mss-clamp: true, policy: {http: }"),
        ["tunnel-no-effect", "tunnel-no-effect"],
    ),
    "IPv6 fits just so": (
        'services: [{virtual: "2001:db8::9", servers: [10.0.0.1], tunnel-type: gre, tunnel-mtu: 1304, '
        "policy: {http: }}]",
        [],
    ),
    "IPv6 does not fit": (
        'services: [{virtual: "2001:db8::9", servers: [10.0.0.1], tunnel-type: gre, tunnel-mtu: 1303, '
        "policy: {http: }}]",
        ["tunnel-too-small"],
    ),
    "DNS checks": (one("servers: [10.0.0.1], policy: {domain: }"), []),
    "every port": (one("servers: [10.0.0.1], policy: {any: , http: , any*/udp: }"), ["unknown-policy"]),
    "every port beside one": (one("servers: [10.0.0.1], policy: {any*: , http: }"), []),
    "every port twice": (one("servers: [10.0.0.1], policy: {any*: , any/udp*: }"), ["duplicate-service"]),
    "every port's checks name one": (
        one("servers: [10.0.0.1], policy: {any: {checks: [{type: syn, port: 22}]}}"),
        [],
    ),
    "every port's checks have none": (
        one("servers: [10.0.0.1], policy: {any/tcp: {checks: [{type: syn}, {type: http, port: 80}]}}"),
        ["check-needs-port"],
    ),
    "checks that are off": (one("servers: [10.0.0.1], policy: {any*: {checks: [{type: syn}]}}"), []),
    "every port cannot be another": (one("servers: [10.0.0.1], policy: {any*: 80}"), ["port-mapping"]),
    "the least loaded": (one("servers: [10.0.0.1], scheduler: leastconn, policy: {http: }"), []),
    "the least loaded and sticky": (
        one("servers: [10.0.0.1], scheduler: leastconn, policy: {http: {sticky: true}}"),
        ["sticky-leastconn"],
    ),
    "the least loaded, tracked by half": (
        one("servers: [10.0.0.1], track: needed, policy: {http: {scheduler: leastconn}}"),
        ["leastconn-tracks"],
    ),
    "VC5's other schedulers": (
        one("servers: [10.0.0.1], scheduler: roundrobin, policy: {http: }"),
        ["other-scheduler"],
    ),
    "for all services": (
        "scheduler: wlc\n" + one("servers: [10.0.0.1], policy: {http: }"),
        ["other-scheduler"],
    ),
    "a prefix with a VIP": (
        "bgp: {as_number: 1, peers: [10.0.0.9], vips: {192.0.2.0/24: {med: 1}, 192.0.2.2: {med: 2}}}\n"
        + one("servers: [10.0.0.1], policy: {http: }"),
        ["unused"],
    ),
    "blocked with a host part": (
        "block: [203.0.113.7/24, 203.0.113.7, 2001:DB8::/32]\n"
        + one("servers: [10.0.0.1], policy: {http: }"),
        ["bad-prefix"],
    ),
    "blocked by name": (
        "prefixes: {bad: [203.0.113.7], good: [1.0.0.0/8]}\nblock: {3: [bad, nobody]}\n"
        + one("servers: [10.0.0.1], policy: {http: }"),
        ["unused", "unknown-prefixes"],
    ),
    "a prime as large as the reals": (
        one("servers: [10.0.0.1, 10.0.0.2], table_size: 2, policy: {http: }"),
        ["few-slots"],
    ),
    "one is no prime": (one("servers: [10.0.0.1], table_size: 40, policy: {http: }"), ["table-size"]),
    "maglev is what there is": (
        one("servers: [10.0.0.1], scheduler: maglev, sticky: false, policy: {http: }"),
        [],
    ),
    "a policy's own servers": ("services: [{virtual: 192.0.2.1, policy: {http: {servers: [10.0.0.1]}}}]", []),
    "weights of a policy's own servers": (
        "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], weights: {10.0.0.1: 2}, "
        "policy: {http: , ssh: {servers: [10.0.0.2]}}}]",
        ["weight-of-none"],
    ),
    "nothing to do": ("services: []", ["no-services"]),
}


@pytest.mark.parametrize("case", CASES)
def test_rule(case: str, problems_of) -> None:
    text, rules = CASES[case]
    assert [problem.rule for problem in problems_of(text)] == rules


@pytest.mark.parametrize(("count", "rules"), [(MAX_REALS, []), (MAX_REALS + 1, ["too-many-reals"])])
def test_most_reals(count: int, rules: list[str], problems_of) -> None:
    servers = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1, count + 1))
    assert [
        problem.rule for problem in problems_of(one(f"servers: [{servers}], interval: 9, policy: {{http: }}"))
    ] == rules
