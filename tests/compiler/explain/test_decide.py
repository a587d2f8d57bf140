"""Decisions against tests/bpf/model.py, which says what the program does; and what the model has no words
for."""

from __future__ import annotations

import random
import socket
from collections import Counter

import pytest
from vc5c.documents import Document, read_document
from vc5c.emit import canonical
from vc5c.explain.decide import ACCEPTING, DOWN, DRAINING, Fate, decide, state_of
from vc5c.explain.question import read_question

from bpf import model
from compiler.flows import Path

VIP = "192.0.2.1"
REALS = [f"10.0.0.{n}" for n in range(1, 7)]
CONFIG = """
seed: 5
services:
- virtual: 192.0.2.1
  servers: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5*, 10.0.0.6]
  weights: {10.0.0.1: 3}
  table_size: 251
  policy:
    80:
    81: {track: full}
    82: {track: minimal}
    53/udp:
    54/udp: {track: minimal}
    55/udp: {track: needed}
"""
STATES = {
    "all accept": {},
    "one down": {"10.0.0.1": DOWN},
    "most down": dict.fromkeys(REALS[:4], DOWN),
    "one drains, one down": {"10.0.0.2": DRAINING, "10.0.0.3": DOWN},
    "most drain": dict.fromkeys(REALS[:4], DRAINING),
    "one of all accepts": dict.fromkeys(REALS[:5], DOWN),
    "none accepts": dict.fromkeys(REALS, DOWN),
    "all drain": dict.fromkeys(REALS, DRAINING),
}
MODEL_STATES = {ACCEPTING: model.ACCEPTING, DRAINING: model.DRAINING, DOWN: model.DOWN}


@pytest.fixture
def document(compile_text) -> Document:
    made = read_document(canonical(compile_text(CONFIG)), "config.yaml")
    assert made
    return made


def path_of(document, service, states) -> Path:
    path = Path(document, service, list(service.table.reals))
    for real in service.table.reals:
        path.set_state(real, MODEL_STATES[state_of(service, real, states)])
    return path


@pytest.mark.parametrize("states", STATES.values(), ids=STATES)
@pytest.mark.parametrize("which", ["80:tcp", "81:tcp", "82:tcp", "53:udp", "54:udp", "55:udp"])
def test_as_the_model(document, which, states) -> None:
    service = document.services[f"{VIP}:{which}"]
    numbers = random.Random(which)
    for _ in range(150):
        client = socket.inet_ntoa(numbers.randbytes(4)), numbers.randint(1, 65535)
        flow = read_question("{}:{}".format(*client), f"{VIP}:{service.port}").flow(service.protocol)
        decision = decide(document, flow, states, 5)
        begun = path_of(document, service, states).send(client, syn=True)
        assert (begun,) == (decision.candidates or (None,))
        assert path_of(document, service, states).send(client, syn=False) == decision.established
        assert decision.fate == (Fate.FORWARDED if decision.candidates else Fate.DROPPED)


def test_probes_tell_the_way(document) -> None:
    states = dict.fromkeys(REALS[:5], DOWN)
    kinds = Counter()
    for port in range(1, 300):
        decision = decide(document, read_question(f"198.51.100.9:{port}", f"{VIP}:80").flow("tcp"), states, 5)
        *missed, last = decision.probes
        numbers = [*range(len(missed)), 9 if last.list else len(missed)]
        assert [probe.number for probe in decision.probes] == numbers
        assert all(probe.state != ACCEPTING for probe in missed)
        assert (last.state, last.real) == (ACCEPTING, "10.0.0.6")
        kinds["list" if last.list else "table"] += 1
    assert kinds["list"] > 20 < kinds["table"]


def test_not_forwarded(document) -> None:
    def ask(vip: str, protocol: str = "tcp") -> tuple[str, str]:
        decision = decide(document, read_question("198.51.100.9:7", vip).flow(protocol), {}, 5)
        return decision.fate, decision.reason

    assert ask("192.0.2.2:80") == ("passed", "PASS_NOT_VIP")
    assert ask("192.0.2.1:79") == ("dropped", "DROP_UNKNOWN_PORT")
    assert ask("192.0.2.1:80", "udp") == ("dropped", "DROP_UNKNOWN_PORT")


def test_blocked_sources(document) -> None:
    flow = read_question("198.51.100.9:7", f"{VIP}:80").flow("tcp")
    elsewhere = read_question("198.51.100.9:7", "192.0.2.9:80").flow("tcp")
    for level, defcon, blocked in (("5", 5, True), ("3", 5, False), ("3", 3, True), ("1", 2, False)):
        block, settings = {level: ("198.51.100.0/28",)}, {**document.settings, "defcon": defcon}
        listed = Document(**{**vars(document), "block": block, "settings": settings})
        assert (decide(listed, flow, {}, 5).reason == "DROP_BLOCKED") is blocked
        assert decide(listed, elsewhere, {}, 5).reason == "PASS_NOT_VIP"


def changed(document: Document, **changes) -> Document:
    service = document.services[f"{VIP}:80:tcp"]
    made = type(service)(**{**vars(service), **changes})
    return Document(**{**vars(document), "services": {made.name: made}})


def test_any_port(document) -> None:
    any_port = changed(document, name=f"{VIP}:0:tcp", port=0)
    flow = read_question("198.51.100.9:7", f"{VIP}:4711").flow("tcp")
    decision = decide(any_port, flow, {}, 5)
    assert decision.any_port
    both = Document(**{**vars(document), "services": {**document.services, **any_port.services}})
    assert decide(both, flow, {}, 5).any_port
    assert not decide(both, read_question("198.51.100.9:7", f"{VIP}:80").flow("tcp"), {}, 5).any_port
    assert (
        decide(both, read_question("198.51.100.9:7", f"{VIP}:1").flow("udp"), {}, 5).reason
        == "DROP_UNKNOWN_PORT"
    )


def test_sticky_hashes_neither_ports_nor_protocol(document) -> None:
    options = {**document.services[f"{VIP}:80:tcp"].options, "sticky": True}
    sticky = changed(document, options=options)
    found = {
        decide(sticky, read_question(f"198.51.100.9:{port}", f"{VIP}:80").flow("tcp"), {}, 5).candidates
        for port in range(1, 50)
    }
    assert len(found) == 1


def test_leastconn_tells_both(document) -> None:
    options = {**document.services[f"{VIP}:80:tcp"].options, "scheduler": "leastconn"}
    least = changed(document, options=options, track="full")
    for port in range(1, 100):
        flow = read_question(f"198.51.100.9:{port}", f"{VIP}:80").flow("tcp")
        first, second = decide(least, flow, {"10.0.0.2": DOWN}, 5).candidates
        assert (first,) == decide(document, flow, {"10.0.0.2": DOWN}, 5).candidates
        # Without the first the same probes lead to the second.
        assert (second,) == decide(document, flow, {"10.0.0.2": DOWN, first: DOWN}, 5).candidates
    alone = decide(least, flow, dict.fromkeys(REALS[1:], DOWN), 5)
    assert alone.candidates == ("10.0.0.1",)


def test_ipv6(compile_text) -> None:
    text = CONFIG.replace("192.0.2.1", "2001:db8::1").replace("10.0.0.", "2001:db8:1::").replace("*", "")
    made = read_document(
        canonical(compile_text(text.replace("2001:db8:1::1: 3", "'2001:db8:1::1': 3"))), "config.yaml"
    )
    assert made
    counted = Counter(
        decide(
            made, read_question(f"[2001:db8:9::1]:{port}", "[2001:db8::1]:80").flow("tcp"), {}, 5
        ).candidates[0]
        for port in range(1, 801)
    )
    assert len(counted) == 6
    assert counted["2001:db8:1::1"] == pytest.approx(300, abs=60)
