"""Changes as values: complete, empty for equal documents, and the same whatever the order."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c import emit
from vc5c.compile import load
from vc5c.documents import read_document
from vc5c.plan.changes import ABSENT, Attribute, apply, diff, diff_models
from vc5c.plan.model import Name, model_of, natural
from vc5c.problems import Problems
from vc5c.resolve import resolve
from vc5c.source import Source

REALS = [f"10.1.{vlan}.{host}" for vlan in (10, 20) for host in (1, 2, 10)]
settings.register_profile("plan", deadline=None, max_examples=60)


def compiled(value: object):
    config = load(Source("config.yaml", json.dumps(value)), Problems())
    pieces = [p if isinstance(p, str) else p.decode() for p in emit.document(resolve(config))]
    return read_document("".join(pieces), "config.yaml")


@st.composite
def services(draw, vip: int):
    reals = draw(st.lists(st.sampled_from(REALS), min_size=1, max_size=4, unique=True))
    starred = [real + draw(st.sampled_from(["", "", "*"])) for real in reals]
    policy = draw(
        st.dictionaries(
            st.sampled_from(["http", "8080", "53/udp"]),
            st.sampled_from(
                [None, {"need": 1, "track": "minimal"}, {"sticky": True}, {"checks": [{"type": "syn"}]}]
            ),
            min_size=1,
        )
    )
    return {
        "virtual": f"192.0.2.{vip}" + draw(st.sampled_from(["", "", "*"])),
        "servers": starred,
        "policy": policy,
        "table_size": draw(st.sampled_from([251, 509])),
        "weights": {draw(st.sampled_from(reals)): draw(st.integers(1, 3))},
        "need": 1,
    }


@st.composite
def configurations(draw):
    vips = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True))
    made: dict[str, object] = {"services": [draw(services(vip)) for vip in vips]}
    if draw(st.booleans()):
        made["vlans"] = {"10": "10.1.10.0/24", "20": draw(st.sampled_from(["10.1.20.0/24", "10.1.16.0/20"]))}
        made["vlans"]["20"] = "10.1.20.0/24" if draw(st.booleans()) else "10.1.20.0/23"  # type: ignore[index]
    if draw(st.booleans()):
        peer = {"med": draw(st.integers(1, 2)), "reject": draw(st.sampled_from([["any"], ["192.0.2.2/32"]]))}
        made["bgp"] = {"as_number": 65000, "peers": {"10.1.10.200": peer}}
    made["seed"] = draw(st.integers(0, 1))
    made["flow_lifetime"] = draw(st.sampled_from([600, 900]))
    mac = draw(st.sampled_from([None, "02:00:00:00:00:01"]))
    if mac:
        made["neighbors"] = {REALS[0]: mac}
    return made


@settings(settings.get_profile("plan"))
@given(configurations(), configurations(), st.randoms(use_true_random=False))
def test_changes_lead_from_one_to_the_other(a, b, mixer) -> None:
    old, new = compiled(a), compiled(b)
    changes = diff(old, new)
    assert apply(model_of(old), changes) == model_of(new)
    assert (changes == ()) == (old.digest == new.digest)
    assert diff(new, old) or not changes
    # No order anywhere has any say: not of the services, and not of what is compared.
    mixer.shuffle(b["services"])
    assert diff(old, compiled(b)) == changes
    mixed = list(model_of(new).items())
    mixer.shuffle(mixed)
    assert diff_models(model_of(old), dict(mixed)) == changes


def test_diff_is_that_of_the_whole_models(document_of) -> None:
    """Equal services and reals are left out for speed, and only them."""
    one = "services: [{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {http: }}]"
    other = one.replace("10.0.0.2", "10.0.0.2*, 10.0.0.3").replace("http: ", "http: {path: /x}")
    old, new = document_of(one), document_of(other)
    assert diff(old, new) == diff_models(model_of(old), model_of(new))


def test_key_order_of_the_text_has_no_say(compile_text, document_of, shuffled) -> None:
    policy = "table_size: 251, policy: {http: , 8080: }"
    text = f"services: [{{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], {policy}}}]"
    document = document_of(text)
    mixed = shuffled(compile_text(text), random.Random(1))
    assert diff(document, mixed) == ()
    other = document_of(text.replace("10.0.0.2", "10.0.0.9"))
    assert diff(other, mixed) == diff(other, document)


def test_another_form_of_the_same_is_a_change(compile_text, document_of) -> None:
    """Another release may fill tables otherwise: that is not nothing."""
    text = (
        "services: [{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {http: }}]"
    )
    raw = compile_text(text)
    raw["index"]["ipv4"]["salt"] += 1
    del raw["digest"]
    text_of_it = emit.canonical(raw)
    digest = "sha256:" + __import__("hashlib").sha256(text_of_it.encode()).hexdigest()
    other = read_document(json.dumps({**raw, "digest": digest}), "other.json")
    (change,) = diff(document_of(text), other)
    assert change.object == Name("setting", "compiled form")


def test_checks_that_differ_by_real_are_the_reals_own(document_of, compile_text) -> None:
    raw = compile_text(
        "services: [{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {8080: }}]"
    )
    service = raw["services"]["192.0.2.1:8080:tcp"]
    same = resealed(raw)
    service["reals"]["10.0.0.1:8080"]["checks"] = [{"type": "tcp"}]
    other = resealed(raw)
    changes = diff(same, other)
    assert apply(model_of(same), changes) == model_of(other)
    key = "192.0.2.1:8080:tcp"
    assert [change.object for change in changes] == [
        Name("service", key),
        Name("real", "10.0.0.1", key),
        Name("real", "10.0.0.2", key),
    ]
    assert changes[0].attributes == (Attribute("checks", [{"type": "syn"}], ABSENT),)


def resealed(raw):
    value = {key: each for key, each in raw.items() if key != "digest"}
    digest = "sha256:" + __import__("hashlib").sha256(emit.canonical(value).encode()).hexdigest()
    return read_document(emit.canonical({**value, "digest": digest}), "made.json")


@pytest.mark.parametrize(
    "names",
    [
        ["9.0.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::9", "2001:db8::10"],
        ["10.0.0.9:80:tcp", "10.0.0.9:443:tcp", "10.0.0.10:22:tcp", "2001:db8::1:80:tcp"],
        ["2", "10", "100"],
        ["10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24"],
    ],
)
def test_natural_order(names) -> None:
    assert sorted(sorted(names), key=natural) == names
