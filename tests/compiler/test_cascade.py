"""The cascade service → policy → check, for every combination of what is given where."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c import emit
from vc5c.compile import load
from vc5c.problems import Problems
from vc5c.resolve import resolve
from vc5c.source import Source

VALUES = {
    "host": st.sampled_from(["a.example", "b.example"]),
    "path": st.sampled_from(["/a", "/b"]),
    "method": st.sampled_from(["GET", "HEAD"]),
    "expect": st.sampled_from([200, 301]),
}
SERVICE_ONLY = {
    "name": st.sampled_from(["x", "y"]),
    "need": st.integers(0, 2),
    "reset": st.booleans(),
    "priority": st.sampled_from(["low", "high"]),
    "persist": st.integers(0, 9),
    "track": st.sampled_from(["needed", "full", "minimal"]),
    "interval": st.sampled_from([0.5, 2]),
    "window": st.sampled_from(["1 of 2", "3 of 3"]),
    "timeout": st.sampled_from([0.5, 3]),
    "sticky": st.booleans(),
    "description": st.sampled_from(["one", "two"]),
    "linger": st.sampled_from([0, 2.5, 30]),
    "scheduler": st.sampled_from(["maglev", "leastconn", "rr"]),
    "table_size": st.sampled_from([251, 257]),
    "servers": st.sampled_from([["10.0.0.1", "10.0.0.2"], ["10.0.0.3", "10.0.0.4*"]]),
    "weights": st.dictionaries(st.sampled_from(["10.0.0.1", "10.0.0.3"]), st.integers(1, 9), max_size=2),
    "tunnel-type": st.sampled_from(["none", "gre"]),
    "tunnel-port": st.sampled_from([6080, 6081]),
    "tunnel-dscp": st.sampled_from([1, 63]),
    "tunnel-mtu": st.sampled_from([1500, 9000]),
    "mss-clamp": st.sampled_from([1200, 1300]),
}
DEFAULTS = {
    "need": 1, "reset": False, "sticky": False, "track": "needed", "interval": 1, "timeout": 1,
    "window": "3 of 5", "table_size": 16381, "weights": {},
}  # fmt: skip
IN_HEALTH = ("interval", "timeout")


def given_some(values):
    return st.fixed_dictionaries({}, optional=values)


def sound(config):
    """Weights are of servers only, so that no rule rejects what is cascaded."""
    servers = config.get("servers", ["10.0.0.1", "10.0.0.2"])
    weights = {address: weight for address, weight in config.get("weights", {}).items() if address in servers}
    return {**config, "weights": weights} if "weights" in config else config


def wanted_of(inherited):
    """What a service of the document has, by the keys of the configuration."""
    wanted = {**DEFAULTS, **inherited}
    if wanted.get("scheduler") == "leastconn":
        wanted["track"] = "full"
    return wanted


@given(given_some(VALUES | SERVICE_ONLY), given_some(VALUES | SERVICE_ONLY), given_some(VALUES))
@settings(max_examples=300, deadline=None)
def test_cascade(service, policy, check) -> None:
    service = sound({"servers": ["10.0.0.1", "10.0.0.2"], **service})
    inherited = {**service, **policy}
    if "weights" in service or "weights" in policy:
        both = {**service.get("weights", {}), **policy.get("weights", {})}
        known = [address.strip("*") for address in inherited["servers"]]
        if not both.keys() <= set(known):
            return  # weight-of-none: test_rules.py has it
        inherited["weights"] = both
    config = {
        "services": [
            {
                "virtual": "192.0.2.1",
                **service,
                "policy": {"http": policy, "https": {**policy, "checks": [{"type": "http", **check}]}},
            }
        ]
    }
    resolved = resolve(load(Source("x.yaml", json.dumps(config)), Problems()))
    plain, explicit = (json.loads("".join(emit._service(s, "t"))) for s in resolved.services)
    for key, wanted in wanted_of(inherited).items():
        if key == "window":
            assert f"{plain['health']['threshold']} of {plain['health']['window']}" == wanted
        elif key in IN_HEALTH:
            assert plain["health"][key] == wanted
        elif key not in (*VALUES, "servers", "weights", "table_size"):
            assert plain[key] == wanted
    for key in (
        "name",
        "description",
        "linger",
        "scheduler",
        "persist",
        "priority",
        "tunnel-type",
        "tunnel-port",
        "tunnel-dscp",
        "tunnel-mtu",
        "mss-clamp",
    ):
        assert (key in plain) == (key in inherited)
    check_reals(plain, inherited, resolved.services[0].table)

    for written, settings_of_it in ((plain, inherited), (explicit, {**inherited, **check})):
        wanted = {key: value for key, value in settings_of_it.items() if key in VALUES}
        if "expect" in wanted:
            wanted["expect"] = [wanted["expect"]]
        for real in written["reals"].values():
            assert real["checks"] == [{"type": "http", **wanted}]


def check_reals(written, inherited, table) -> None:
    weights = inherited.get("weights", {})
    addresses = [address.strip("*") for address in inherited["servers"]]
    assert table.size == inherited.get("table_size", DEFAULTS["table_size"])
    assert [real.text for real in table.reals] == addresses
    assert list(table.weights) == [weights.get(address, 1) for address in addresses]
    for address in inherited["servers"]:
        real = written["reals"][f"{address.strip('*')}:80"]
        assert real["disabled"] == address.endswith("*")
        assert real["weight"] == (0 if real["disabled"] else weights.get(address, 1))


def test_method_goes_to_the_check_that_can_use_it(compile_text) -> None:
    text = "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], method: HEAD, policy: {http: , domain: }}]"
    services = compile_text(text)["services"]
    methods = {key: service["reals"].popitem()[1]["checks"][0]["method"] for key, service in services.items()}
    assert methods == {"192.0.2.1:80:tcp": "HEAD", "192.0.2.1:53:tcp": "tcp", "192.0.2.1:53:udp": "udp"}


def test_scheduler_for_all(compile_text) -> None:
    text = (
        "scheduler: a\nservices:\n"
        "- {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: , ssh: {scheduler: c}}}\n"
        "- {virtual: 192.0.2.2, servers: [10.0.0.1], policy: {http: }, scheduler: b}\n"
    )
    found = {key: service["scheduler"] for key, service in compile_text(text)["services"].items()}
    assert found == {"192.0.2.1:80:tcp": "a", "192.0.2.1:22:tcp": "c", "192.0.2.2:80:tcp": "b"}
