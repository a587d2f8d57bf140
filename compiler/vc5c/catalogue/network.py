"""Rules about VIPs, servers, VLANs and neighbors."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule

WEB = "services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    policy: {http: }\n"

RULES = (
    Rule(
        id="vlan-overlap",
        means="Two VLANs whose prefixes have addresses in common.",
        why="The VLAN of a server there could be either.",
        example="vlans: {10: 10.0.0.0/16, 20: 10.0.1.0/24}\n" + WEB,
        fix="Correct one of the prefixes. The message shows both.",
    ),
    Rule(
        id="vip-in-vlan",
        means="A VIP inside the prefix of a VLAN.",
        why="Hosts of that VLAN would ask for it by ARP, and nobody answers: a VIP is reached by routing.",
        example="vlans: {10: 10.0.0.0/24}\nservices:\n  - virtual: 10.0.0.99\n    servers: [10.0.0.1]\n    policy: {http: }\n",
        fix="Announce VIPs from a prefix of their own.",
        ignorable=True,
    ),
    Rule(
        id="server-in-no-vlan",
        means="A server that is in none of the VLANs.",
        why="Frames are sent straight to its MAC address, and no VLAN leads there. Said only where `vlans` are given "
        "and no tunnel is used.",
        example="vlans: {10: 10.0.1.0/24}\n" + WEB,
        fix="Add its VLAN, correct the address, or use a tunnel.",
    ),
    Rule(
        id="server-is-vip",
        means="A server that is a VIP too.",
        why="Its packets would come back to the load balancer.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [192.0.2.1]\n    policy: {http: }\n",
        fix="Give the server's own address.",
    ),
    Rule(
        id="family-mismatch",
        means="IPv4 servers of an IPv6 VIP, or the other way round.",
        why="Direct return leaves the packet as it is, and the server must be of its family. A tunnel can cross, but for `dscp`, which is none.",
        example='services:\n  - virtual: "2001:db8::1"\n    servers: [10.0.0.1]\n    policy: {http: }\n',
        fix="Give each family a service of its own.",
    ),
    Rule(
        id="tunnel-needs",
        means="A `fou` or `gue` tunnel without `tunnel-port`, or `dscp` without `tunnel-dscp`.",
        why="The reals listen on a port, or look for a mark, that only you know.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    tunnel-type: gue\n    policy: {http: }\n",
        fix="Give it; 6080 is GUE's assigned port. The `realserver` role sets up the same.",
    ),
    Rule(
        id="tunnel-ambiguous",
        means="One DSCP for two VIPs on the same server, or one FOU port for IPv4 and IPv6 VIPs on the same server.",
        why="The DSCP is all that tells the server which VIP was meant; and FOU does not say what is inside: the port does.",
        example="services:\n  - virtual: [192.0.2.1, 192.0.2.2]\n    servers: [10.0.0.1]\n    tunnel-type: dscp\n    tunnel-dscp: 1\n    policy: {http: }\n",
        fix="Give each a number of its own, in services of their own; or use another tunnel.",
    ),
    Rule(
        id="tunnel-no-effect",
        severity="warning",
        means="A setting of tunnels that the tunnel in use does not have.",
        why="It does nothing where it is.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    tunnel-port: 6080\n    policy: {http: }\n",
        fix="Remove it, or choose the tunnel that it is for.",
    ),
    Rule(
        id="tunnel-too-small",
        severity="warning",
        means="An IPv6 VIP behind a tunnel into which less than 1280 bytes fit.",
        why="IPv6 hosts send packets of 1280 bytes whatever they are told (RFC 8201): those would be lost.",
        example='services:\n  - virtual: "2001:db8::1"\n    servers: [10.0.0.1]\n    tunnel-type: ipip\n    tunnel-mtu: 1280\n    policy: {http: }\n',
        fix="Raise the MTU on the way to the reals, or give `mss-clamp`, which helps TCP.",
    ),
    Rule(
        id="network-address",
        severity="warning",
        means="A server has the first or last address of its VLAN.",
        why="They name the network itself and all its hosts (broadcast): no server has them, as a rule.",
        example="vlans: {10: 10.0.0.0/24}\nservices:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.255]\n    policy: {http: }\n",
        fix="Correct the address, or the length of the VLAN's prefix.",
    ),
    Rule(
        id="server-is-gateway",
        severity="warning",
        means="A server has the address that the VLAN's prefix was written with, which is its gateway's.",
        why="The router would be sent the packets that it has just sent.",
        example="vlans: {10: 10.0.0.1/24}\n" + WEB,
        fix="Correct the address, or write the prefix without a gateway: `10.0.0.0/24`.",
    ),
    Rule(
        id="bad-neighbors",
        means="A file of neighbors is neither a mapping of addresses to MACs nor what `ip -j neigh` prints.",
        why="No MAC address can be read from it.",
        example="neighbors: {file: neighbors.yaml}\n" + WEB,
        files={"neighbors.yaml": "[10.0.0.1]\n"},
        fix="`10.1.10.10: 52:54:00:12:34:56`, a line for each; or `ip -j neigh > FILE`.",
    ),
    Rule(
        id="neighbor-conflict",
        means="A file of neighbors has two MAC addresses for one real.",
        why="Frames can go to one only.",
        example="neighbors: {file: neighbors.json}\n" + WEB,
        files={"neighbors.json": '[{"dst": "10.0.0.1", "lladdr": "52:54:00:00:00:01"},\n {"dst": "10.0.0.1", "lladdr": "52:54:00:00:00:02"}]\n'},
        fix="Remove the one that is not the real's. The message shows both.",
    ),
    Rule(
        id="unresolved",
        severity="warning",
        means="`--resolve` found no MAC address of a real.",
        why="This host's kernel has not talked to it lately, or it is not on its subnet. `vc5d` will learn it live.",
        example=WEB,
        options=("--resolve",),
        fix="`ping` it first, or compile on a host of its subnet.",
    ),
    Rule(
        id="multicast-address",
        severity="warning",
        means="`multicast` is no multicast address.",
        why="Nobody would hear what is sent there.",
        example="multicast: 10.0.0.1:12345\n" + WEB,
        fix="An address from 224.0.0.0/4 and a port: `224.0.0.1:12345`.",
    ),
)  # fmt: skip
