"""Words of VC5's older versions, and what has their place now: `vc5c --migrate` rewrites them."""

from __future__ import annotations

from collections.abc import Sequence

REWRITES = ": `vc5c --migrate` rewrites it"

TOP, SERVICE, POLICY, CHECK, BGP = "top", "service", "policy", "check", "bgp"
RENAMED = {
    TOP: {"rhi": "bgp", "reals": "servers"},
    SERVICE: {
        "address": "virtual",
        "addr": "virtual",
        "desc": "description",
        "real": "servers",
        "predictor": "scheduler",
    },
    POLICY: {},
    CHECK: {"expt": "expect"},
    BGP: {"local_as": "as_number"},
}
CHANGED = {
    SERVICE: {
        "port": "the ports of a service are the keys of its `policy` now",
        "checks": "checks belong to a service's `policy` now",
        "leastconns": "`leastconns: true` is now `scheduler: leastconn`",
    },
    POLICY: {"leastconns": "`leastconns: true` is now `scheduler: leastconn`"},
    CHECK: {"name": "checks have no names any more"},
}
GONE = {"fallback": "a fallback to the load balancer itself is not supported"}
POLICIES = {"dns": "domain", "dns/tcp": "domain/tcp", "dns/udp": "domain/udp"}


def level(path: Sequence[str | int]) -> str:
    """What kind of mapping lies at a path of the configuration; '' for one without former keys."""
    if not path:
        return TOP
    if path[0] in ("bgp", "rhi"):
        return BGP
    if path[0] in ("services", "policy"):
        depth = len(path) + (path[0] == "policy")
        kinds = {2: SERVICE if path[0] == "services" else "", 4: POLICY, 6: CHECK}
        return kinds.get(depth, "")
    return ""


def former_key(path: Sequence[str | int], key: str) -> str:
    """What to say of a key that an older VC5 had at this place; ''  of any other."""
    kind = level(path)
    if key in RENAMED.get(kind, {}):
        return f"`{key}` is now `{RENAMED[kind][key]}`{REWRITES}"
    if key in CHANGED.get(kind, {}):
        return CHANGED[kind][key] + REWRITES
    return GONE.get(key, "")


def former_policy(name: str) -> str:
    """The like for the name of a policy."""
    return f"`{name}` is now `{POLICIES[name]}`{REWRITES}" if name in POLICIES else ""
