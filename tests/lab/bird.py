"""BIRD in the lab: the router's configuration, and what the router's kernel made of it.

The load balancers' configuration is the compiler's (`vc5c --emit bird`); only the router's is ours.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab.host import Process, run, start
from lab.plan import AS_NUMBER, ROUTER_NUMBER, VLANS, VLANS6, Names

# The load balancers are neighbors in VLAN 10; equal paths to a VIP become one multipath route.
_ROUTER = """\
router id {address};

protocol device {{ }}

protocol bfd {{
	interface "eth10" {{ min rx interval 100 ms; min tx interval 100 ms; multiplier {multiplier}; }};
}}

protocol kernel {{
	merge paths yes limit 8;
	ipv4 {{ import none; export where source = RTS_BGP; }};
}}

protocol kernel {{
	merge paths yes limit 8;
	ipv6 {{ import none; export where source = RTS_BGP; }};
}}

template bgp balancer {{
	direct;
	bfd yes;
	hold time 6;
	connect retry time 1;
	connect delay time 1;
	error wait time 1, 2;
	graceful restart no;
}}
"""
_NEIGHBOR = """
protocol bgp {name}_{family} from balancer {{
	local {local} as {as_number};
	neighbor {address} as {as_number};
	{family} {{ import all; export none; }};
}}
"""


def router_configuration(names: Names, multiplier: int = 3) -> str:
    """multiplier: of BFD, so many lost packets, 0.1 s apart, mean that a load balancer is gone."""
    address = f"{VLANS[10]}.{ROUTER_NUMBER}"
    address6 = f"{VLANS6[10]}::{ROUTER_NUMBER}"
    text = _ROUTER.format(address=address, multiplier=multiplier)
    for balancer in names.balancers:
        for family, local, other in (
            ("ipv4", address, balancer.address),
            ("ipv6", address6, balancer.address6),
        ):
            text += _NEIGHBOR.format(
                name=balancer.name, family=family, local=local, address=other, as_number=AS_NUMBER
            )
    return text


def start_bird(names: Names, host: str, configuration: str) -> Process:
    """Check the configuration, then run BIRD on it. Raises LabError when BIRD does not accept it."""
    directory = names.state / host
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "bird.conf"
    file.write_text(configuration)
    run(["bird", "-p", "-c", file])
    return start(
        f"bird on {host}",
        ["bird", "-f", "-c", file, "-s", control(names, host)],
        log_of(names, host),
        names.netns(host),
    )


def control(names: Names, host: str) -> Path:
    return names.state / host / "bird.ctl"


def log_of(names: Names, host: str) -> Path:
    return names.state / host / "bird.log"


def next_hops(names: Names, vip: str) -> list[str]:
    """The gateways that the router's kernel spreads a VIP's packets over; of IPv6 they may be link-local."""
    which = ["-6", "route", "show", f"{vip}/128"] if ":" in vip else ["route", "show", f"{vip}/32"]
    found = json.loads(run(["ip", "-n", names.netns("router"), "-json", *which]) or "[]")
    gateways = [hop.get("gateway", "") for route in found for hop in route.get("nexthops", [route])]
    return sorted(gateway for gateway in gateways if gateway)


def pin_client(names: Names, client: str, gateway: str) -> None:
    """Send one client's packets through one gateway whatever BGP says, by a table of their own."""
    router = names.netns("router")
    run(["ip", "-n", router, "route", "replace", "default", "via", gateway, "table", "100"])
    rules = run(["ip", "-n", router, "rule", "show", "from", client])
    if not rules.strip():
        run(["ip", "-n", router, "rule", "add", "from", client, "lookup", "100"])
