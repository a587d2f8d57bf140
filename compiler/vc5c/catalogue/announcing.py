"""Rules about BGP, and what `--emit bird` needs."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule

WEB = "services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    policy: {http: }\n"

RULES = (
    Rule(
        id="no-peers",
        severity="note",
        means="There are services, but no BGP peer.",
        why="Nobody is told of the VIPs, unless by other means.",
        example=WEB,
        fix="Give `bgp` a peer; nothing, if routes to the VIPs are static.",
    ),
    Rule(
        id="bgp-no-as",
        means="A peer for which no AS number is given.",
        why="BGP cannot begin without.",
        example="bgp: {peers: [10.0.0.200]}\nservices: []\n",
        fix="Give `as_number` in `bgp`, in the peer's group or with the peer.",
    ),
    Rule(
        id="duplicate-peer",
        means="A peer twice.",
        why="There is one session with an address, and the options of the two may differ.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200, 10.0.0.200]}\nservices: []\n",
        fix="Remove one.",
    ),
    Rule(
        id="rejects-all",
        severity="warning",
        means="The filters of a peer reject every VIP.",
        why="The session comes up, and nothing is announced.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200], reject: [any]}\n" + WEB,
        fix="Put the VIPs' prefixes into `accept`.",
    ),
    Rule(
        id="accept-limits-nothing",
        severity="warning",
        means="`accept` has some VIPs and not others, and nothing rejects the others.",
        why="What `accept` has is announced; of the rest, what `reject` has is not; the rest is. Without `reject`, all is announced.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200], accept: [198.51.100.0/24]}\n" + WEB,
        fix="Add `reject: [any]`, if only what `accept` has should be announced; else remove `accept`.",
    ),
    Rule(
        id="reserved-as",
        severity="warning",
        means="An AS number that is reserved.",
        why="23456 stands for numbers that old routers cannot say (RFC 6793); the last ones of 16 and 32 bits are "
        "never assigned (RFC 7300). Routers drop or refuse them.",
        example="bgp: {as_number: 65535, peers: [10.0.0.200]}\n" + WEB,
        fix="Take a number of your own, or a private one: 64512 to 65534.",
    ),
    Rule(
        id="private-as",
        severity="note",
        means="A private AS announces to a public one.",
        why="The peer must remove the private number before it passes the routes on (RFC 6996).",
        example="bgp: {as_number: 65000, peer_as: 3356, peers: [10.0.0.200]}\n" + WEB,
        fix="Nothing, if the provider removes it.",
    ),
    Rule(
        id="external-local-pref",
        severity="warning",
        means="`local_pref` for an external peer.",
        why="Local preference is never sent to another AS (RFC 4271, section 5.1.5).",
        example="bgp: {as_number: 65000, peer_as: 65001, local_pref: 50, peers: [10.0.0.200]}\n" + WEB,
        fix="Use `med` or `communities`, as the peer understands them.",
    ),
    Rule(
        id="bird-router-id",
        options=("--emit", "bird"),
        means="`--emit bird` without `--router-id`.",
        why="It belongs to one host, so it is no part of the configuration that all share.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200]}\n" + WEB,
        fix="Give one of this host's own IPv4 addresses.",
    ),
    Rule(
        id="bird-source",
        options=("--emit", "bird"),
        means="`--emit bird` without this host's address towards a peer.",
        why="As with the router id. With VLANs, one address for each that has peers.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200]}\n" + WEB,
        fix="Give `--source` once for each network that has peers.",
    ),
    Rule(
        id="bird-no-peers",
        options=("--emit", "bird"),
        means="`--emit bird` of a configuration that has no peer.",
        why="BIRD would have nobody to talk to.",
        example=WEB,
        fix="Give `bgp` a peer.",
    ),
    Rule(
        id="bird-family",
        severity="warning",
        means="There are VIPs of an address family that no peer is told of.",
        why="A session over IPv4 carries IPv6 routes only with a next hop of that family.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200]}\nservices:\n  - virtual: \"2001:db8:1::1\"\n    servers: [\"2001:db8::1\"]\n    policy: {http: }\n",
        options=("--emit", "bird", "--router-id", "10.0.0.1", "--source", "10.0.0.1"),
        fix="Give the peer `next_hop_6`, or add a peer of that family.",
    ),
    Rule(
        id="bird-link-local",
        means="A peer with a link-local address.",
        why="It is on every interface, and the configuration, which all hosts share, cannot say on which.",
        example="bgp: {as_number: 65000, peers: [\"fe80::1\"]}\n" + WEB,
        options=("--emit", "bird", "--router-id", "10.0.0.1", "--source", "2001:db8::1"),
        fix="Use the peer's global or unique local address.",
    ),
    Rule(
        id="bird-password",
        means="`--password` for an address that is no peer.",
        why="A session that was meant to be protected would not be.",
        example="bgp: {as_number: 65000, peers: [10.0.0.200]}\n" + WEB,
        options=(
            *("--emit", "bird", "--router-id", "10.0.0.1", "--source", "10.0.0.1"),
            *("--password", "10.0.0.201=/etc/bird/password"),
        ),
        fix="Name the peer's address as `bgp` has it.",
    ),
)  # fmt: skip
