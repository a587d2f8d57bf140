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
}
DEFAULTS = {"need": 1, "reset": False, "track": "needed", "interval": 1, "window": "3 of 5"}


def given_some(values):
    return st.fixed_dictionaries({}, optional=values)


@given(given_some(VALUES | SERVICE_ONLY), given_some(VALUES | SERVICE_ONLY), given_some(VALUES))
@settings(max_examples=150, deadline=None)
def test_cascade(service, policy, check) -> None:
    config = {
        "services": [
            {
                "virtual": "192.0.2.1",
                "servers": ["10.0.0.1", "10.0.0.2"],
                **service,
                "policy": {"http": policy, "https": {**policy, "checks": [{"type": "http", **check}]}},
            }
        ]
    }
    resolved = resolve(load(Source("x.yaml", json.dumps(config)), Problems()))
    plain, explicit = (json.loads("".join(emit._service(s, "t"))) for s in resolved.services)

    inherited = {**service, **policy}
    for key, wanted in ({**DEFAULTS, **inherited}).items():
        if key in VALUES:
            continue
        if key == "window":
            assert f"{plain['health']['threshold']} of {plain['health']['window']}" == wanted
        elif key == "interval":
            assert plain["health"]["interval"] == wanted
        else:
            assert plain[key] == wanted
    assert ("name" in plain) == ("name" in inherited)

    for written, settings_of_it in ((plain, inherited), (explicit, {**inherited, **check})):
        wanted = {key: value for key, value in settings_of_it.items() if key in VALUES}
        if "expect" in wanted:
            wanted["expect"] = [wanted["expect"]]
        for real in written["reals"].values():
            assert real["checks"] == [{"type": "http", **wanted}]


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
