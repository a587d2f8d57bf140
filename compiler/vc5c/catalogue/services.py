"""Rules about services and their health checks."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule


def _one(inside: str) -> str:
    return f"services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1, 10.0.0.2]\n    {inside}\n"


RULES = (
    Rule(
        id="no-services",
        severity="warning",
        means="There are no services.",
        why="Every VIP would be withdrawn.",
        example="services: []\n",
        fix="Nothing, if that is meant.",
    ),
    Rule(
        id="duplicate-service",
        means="The same VIP, port and protocol twice.",
        why="A packet can go to one of the two only.",
        example=_one("policy: {http: , 80/tcp: }"),
        fix="Remove one, or give it another VIP or port. The message shows both.",
    ),
    Rule(
        id="no-servers",
        means="A policy without servers.",
        why="There would be nobody to forward to.",
        example="services:\n  - virtual: 192.0.2.1\n    policy: {http: }\n",
        fix="Give `servers` in the service or in each of its policies.",
    ),
    Rule(
        id="need-above-reals",
        means="`need` is larger than the number of servers.",
        why="So many can never be healthy: the VIP would never be announced.",
        example=_one("policy: {http: {need: 3}}"),
        fix="Lower `need`, or add servers.",
        ignorable=True,
    ),
    Rule(
        id="need-above-enabled",
        severity="warning",
        means="`need` is larger than the number of servers that are not disabled by a `*`.",
        why="The VIP is withdrawn, although all its other servers may be well.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1, 10.0.0.2*]\n    need: 2\n    policy: {http: }\n",
        fix="Enable servers, or lower `need` for as long as they are out.",
    ),
    Rule(
        id="all-disabled",
        severity="warning",
        means="All servers of a service are disabled by a `*`.",
        why="The VIP is withdrawn.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1*]\n    policy: {http: }\n",
        fix="To withdraw a VIP on purpose, put the `*` after the VIP itself: that says so.",
    ),
    Rule(
        id="need-zero",
        severity="note",
        means="`need` is 0.",
        why="The VIP is announced even when all its servers are down, and its traffic is lost here "
        "instead of going to another site.",
        example=_one("policy: {http: {need: 0}}"),
        fix="Nothing, if no other site has the VIP. Else leave `need` at 1 or more.",
    ),
    Rule(
        id="port-mapping",
        means="The servers' port differs from the service's.",
        why="Direct return leaves the packet as it is: the server sees the port that the client chose.",
        example=_one("policy: {http: 8080}"),
        fix="Let the servers listen on the service's port.",
    ),
    Rule(
        id="unchecked",
        severity="warning",
        means="No health check covers a service, and nothing says that this is meant.",
        why="A server that fails keeps getting its share of the packets. UDP has no check of its own: "
        "nothing answers to an arbitrary packet.",
        example=_one("policy: {514/udp: }"),
        fix="Give `checks` of a port that tells, such as `{type: syn, port: 22}`; "
        "or say that none is wanted by a `*` after the name: `514/udp*:`.",
    ),
    Rule(
        id="tcp-check-of-udp",
        severity="warning",
        means="A UDP service is checked on its own port by TCP.",
        why="Nothing need listen there on TCP, and then the service would always be down.",
        example=_one("policy: {514/udp: {checks: [{type: syn}]}}"),
        fix="Give the check the `port` of something that speaks TCP.",
    ),
    Rule(
        id="check-needs-port",
        means="A check of a service for every port does not say which port to ask.",
        why="`any` has no port of its own.",
        example=_one("policy: {any: {checks: [{type: syn}]}}"),
        fix="Give the check a `port`.",
    ),
    Rule(
        id="duplicate-check",
        severity="warning",
        means="A policy has the same check twice.",
        why="The second tells nothing more; another port or path was meant, more often than not.",
        example=_one("policy: {http: {checks: [{type: http, path: /a}, {type: http, path: /a}]}}"),
        fix="Correct one, or remove it.",
    ),
    Rule(
        id="path-without-slash",
        severity="warning",
        means="The path of a check does not begin with a slash.",
        why="HTTP asks for paths that do (RFC 9112, section 3.2). Without, the request is not what was meant.",
        example=_one("policy: {http: {path: alive}}"),
        fix="Write `/alive`.",
    ),
    Rule(
        id="https-without-host",
        severity="note",
        means="An https check without a `host`.",
        why="No server name is sent (SNI), so that a server with certificates for several names answers with "
        "its default site, or not at all; and with `verify` its certificate must be for the VIP's address.",
        example=_one("policy: {https: }"),
        fix="Give `host`, if the servers choose by it.",
    ),
    Rule(
        id="slow-timeout",
        severity="warning",
        means="A check may take longer than its whole window of checks.",
        why="The next check waits for the one before. While a server hangs, none of the window's other checks happen "
        "in time, and it is found down far later than `interval` and `window` suggest.",
        example=_one("policy: {http: {interval: 1, timeout: 10}}"),
        fix="Make `timeout` at most `interval`, or raise `interval` too.",
    ),
    Rule(
        id="slower-than-bgp",
        severity="note",
        means="A failed server is noticed later than BGP would notice a dead load balancer.",
        why="Until then, new connections to that server fail.",
        example="bgp: {as_number: 65000, hold_time: 6, peers: [10.0.0.200]}\n" + _one("policy: {http: {interval: 10}}"),
        fix="A shorter `interval`, or a smaller `window`.",
    ),
    Rule(
        id="too-many-checks",
        severity="warning",
        means="More health checks a second than one load balancer can do.",
        why="`vc5d` was seen to do some 4,000 a second. Beyond, checks come late, and servers seem to be down.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [<500 addresses>]\n    interval: 0.1\n    policy: {http: }\n",
        fix="A longer `interval`.",
    ),
    Rule(
        id="other-scheduler",
        severity="warning",
        means="A scheduler that this data path does not have.",
        why="VC5's other schedulers choose anew for each connection. Here compiled Maglev tables do.",
        example=_one("scheduler: roundrobin\n    policy: {http: }"),
        fix="`maglev`, or `leastconn`.",
    ),
    Rule(
        id="sticky-leastconn",
        severity="warning",
        means="`scheduler: leastconn` of a sticky service.",
        why="What is sticky has its server by the client's address alone, so the load cannot matter.",
        example=_one("sticky: true\n    scheduler: leastconn\n    policy: {http: }"),
        fix="Give up one of the two.",
    ),
    Rule(
        id="leastconn-tracks",
        severity="warning",
        means="`track` beside `scheduler: leastconn`.",
        why="The table does not say where a flow went, so every one is stored.",
        example=_one("track: needed\n    scheduler: leastconn\n    policy: {http: }"),
        fix="Remove `track`.",
    ),
    Rule(
        id="minimal-tcp",
        severity="note",
        means="`track: minimal` for TCP.",
        why="When servers are added or removed, established connections whose slot moves break.",
        example=_one("policy: {http: {track: minimal}}"),
        fix="Leave `track` out, unless all connections are short.",
    ),
    Rule(
        id="blocks-all",
        severity="warning",
        means="`block` has every address, at the level that is always in force.",
        why="No client reaches any VIP.",
        example="block: [0.0.0.0/1, 128.0.0.0/1]\n" + _one("policy: {http: }"),
        fix="Give it a level from 1 to 4, so that it is in force in an emergency only, or remove it.",
    ),
    Rule(
        id="no-effect",
        severity="warning",
        means="A policy has a setting of HTTP checks, but no check that would use it.",
        why="It does nothing where it is.",
        example=_one("policy: {smtp: {path: /alive}}"),
        fix="Remove it, or make the check one of http: `9000/http`, or `checks: [{type: http}]`.",
    ),
    Rule(
        id="unused",
        severity="warning",
        means="A named list, policy, set of prefixes or neighbor that nothing refers to.",
        why="A typing error somewhere else, more often than not.",
        example="servers: {spare: [10.0.0.3]}\n" + _one("policy: {http: }"),
        fix="Refer to it, or remove it.",
    ),
)  # fmt: skip
