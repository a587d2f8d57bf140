"""BIRD in the lab: the router's configuration, and what the router's kernel made of it.

The load balancers' configuration is the compiler's (`vc5c --emit bird`); only the router's is ours.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab.host import Process, run, start
from lab.plan import AS_NUMBER, BALANCERS, ROUTER_NUMBER, VLANS, Names

# The load balancers are neighbors in VLAN 10; equal paths to a VIP become one multipath route.
_ROUTER = """\
router id {address};

protocol device {{ }}

protocol bfd {{
	interface "eth10" {{ min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }};
}}

protocol kernel {{
	merge paths yes limit 8;
	ipv4 {{ import none; export where source = RTS_BGP; }};
}}

template bgp balancer {{
	local {address} as {as_number};
	direct;
	bfd yes;
	hold time 6;
	connect retry time 1;
	connect delay time 1;
	error wait time 1, 2;
	graceful restart no;
	ipv4 {{ import all; export none; }};
}}
"""
_NEIGHBOR = "\nprotocol bgp {name} from balancer {{ neighbor {address} as {as_number}; }}\n"


def router_configuration() -> str:
    address = f"{VLANS[10]}.{ROUTER_NUMBER}"
    text = _ROUTER.format(address=address, as_number=AS_NUMBER)
    for balancer in BALANCERS:
        text += _NEIGHBOR.format(name=balancer.name, address=balancer.address, as_number=AS_NUMBER)
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
    """The gateways that the router's kernel spreads a VIP's packets over."""
    found = json.loads(
        run(["ip", "-n", names.netns("router"), "-json", "route", "show", f"{vip}/32"]) or "[]"
    )
    gateways = [hop.get("gateway", "") for route in found for hop in route.get("nexthops", [route])]
    return sorted(gateway for gateway in gateways if gateway)


def pin_client(names: Names, client: str, gateway: str) -> None:
    """Send one client's packets through one gateway whatever BGP says, by a table of their own."""
    router = names.netns("router")
    run(["ip", "-n", router, "route", "replace", "default", "via", gateway, "table", "100"])
    rules = run(["ip", "-n", router, "rule", "show", "from", client])
    if not rules.strip():
        run(["ip", "-n", router, "rule", "add", "from", client, "lookup", "100"])
