"""Rules about single values and names that only the compiler can read."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule


def _with(inside: str, policy: str = "{http: }") -> str:
    return f"services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    policy: {policy}\n    {inside}\n"


RULES = (
    Rule(
        id="bad-address",
        means="Not an IPv4 or IPv6 address.",
        why="A leading zero makes a number octal to some programs and decimal to others, so it is refused too.",
        example="services:\n  - virtual: 192.0.2.001\n    servers: [10.0.0.1]\n    policy: {http: }\n",
        fix="Write the address in full and without leading zeros.",
    ),
    Rule(
        id="bad-prefix",
        means="Not a prefix of the right address family.",
        why="`vlans` has IPv4 prefixes and `vlans6` IPv6 ones.",
        example="vlans: {10: 10.1.10.0}\nservices: []\n",
        fix="Write address and length: `10.1.10.0/24`.",
    ),
    Rule(
        id="bad-expect",
        means="`expect` has something that is no HTTP status code.",
        why="A check that waits for what cannot come would take every server out.",
        example=_with("expect: OK"),
        fix="Codes such as `200`, `200-204`, `200 301`, or `any`.",
    ),
    Rule(
        id="bad-window",
        means="A window that can never be met.",
        why="`4 of 3` asks for four of three checks.",
        example=_with("window: 4 of 3"),
        fix="The first number is at most the second: `3 of 5`.",
    ),
    Rule(
        id="bad-community",
        means="Not a BGP community.",
        why="A standard community is two numbers of 16 bits (RFC 1997), a large one three of 32 (RFC 8092).",
        example="bgp: {as_number: 65000, peers: [10.0.0.200], communities: ['65000:70000']}\nservices: []\n",
        fix="`65000:100`, or `65000:1:2`.",
    ),
    Rule(
        id="bad-mac",
        means="A MAC address that no single station has.",
        why="Frames to a group address would reach many hosts, and to zeros none.",
        example="neighbors: {10.0.0.1: 01:00:5e:00:00:01}\n" + _with(""),
        fix="Take the server's own: `ip link` shows it.",
    ),
    Rule(
        id="not-unicast",
        means="An address that no host can have: multicast, loopback, broadcast, unspecified.",
        why="Nothing would ever answer there.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [224.0.0.1]\n    policy: {http: }\n",
        fix="Correct the address.",
    ),
    Rule(
        id="unknown-policy",
        means="A name that is neither a policy's nor a port.",
        why="The compiler does not know which port is meant.",
        example=_with("", "{htttp: }"),
        fix="Take a name such as `http`, `https`, `domain`, `smtp`, or a port: `8080`, `8443/https`, `53/udp`.",
    ),
    Rule(
        id="unknown-server-list",
        means="A list of servers that nobody has defined.",
        why="The service would have no servers.",
        example="servers: {webservers: [10.0.0.1]}\nservices:\n  - virtual: 192.0.2.1\n    servers: webserver\n    policy: {http: }\n",
        fix="Correct the name, or define the list under the top-level `servers`.",
    ),
    Rule(
        id="unknown-prefixes",
        means="In `accept` or `reject`, neither a prefix nor the name of some.",
        why="A filter with a hole announces what it should not.",
        example="prefixes: {public: [192.0.2.0/24]}\nbgp: {as_number: 65000, peers: [10.0.0.200], accept: [pubic], reject: [any]}\nservices: []\n",
        fix="Correct the name, or define it under the top-level `prefixes`.",
    ),
    Rule(
        id="duplicate-server",
        means="A server twice in one list.",
        why="Most likely another was meant, which now gets no traffic. For a larger share there is `weights`.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1, 10.0.0.1]\n    policy: {http: }\n",
        fix="Correct one, or remove it.",
    ),
)  # fmt: skip
