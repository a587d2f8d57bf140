"""The estimate against flows that are sent through tests/bpf/model.py over a flip.

The model says what the program does (test_history.py proves that), packet by packet; the estimate is
arithmetic on two tables. Nothing is shared by the two but the documents.
"""

from __future__ import annotations

import math
import random
import socket

import pytest
from vc5c.plan.disruption import Disruption, Effect, Why

from bpf import model
from compiler.flows import Path

FLOWS = 700
VIP = "192.0.2.1"
PROTOCOLS = ("tcp", "udp")

CONFIG = """
seed: {seed}
services:
- virtual: {vip}
  servers: [{servers}]
  table_size: {size}
  weights: {{{weights}}}
  policy: {{53/{protocol}: {{track: {track}}}}}
"""
BEFORE = {"servers": "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4", "size": 251, "weights": "", "seed": 0}
FLIPS = {
    "a real more": {"servers": BEFORE["servers"] + ", 10.0.0.5"},
    "a real less": {"servers": "10.0.0.1, 10.0.0.3, 10.0.0.4"},
    "another weight": {"weights": "10.0.0.1: 3"},
    "another size": {"size": 509},
    "another seed": {"seed": 7},
    "a real off": {"servers": "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4*"},
    "all at once": {
        "servers": "10.0.0.1, 10.0.0.2*, 10.0.0.4, 10.0.0.5",
        "size": 257,
        "weights": "10.0.0.4: 2",
    },
    "nothing": {},
}
STARTED_OFF = "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4*"
FLIPS_FROM_OFF = {
    "back on": {},
    "still off": {"servers": STARTED_OFF},
    "still off, and one more": {"servers": STARTED_OFF + ", 10.0.0.5"},
    "off, and removed": {"servers": "10.0.0.1, 10.0.0.2, 10.0.0.3"},
    "back on, and one more": {"servers": BEFORE["servers"] + ", 10.0.0.5"},
}
TRACKS = [
    (p, a, b) for p in PROTOCOLS for a in ("needed", "full", "minimal") for b in ("needed", "full", "minimal")
]


# Slots that go to a disabled real: a flow of theirs may find its old real by another probe. The estimate
# counts it as moved all the same.
SECOND_CHOICES = 0.1


def within(found: float, expected: float, less: float = 0.0) -> bool:
    """Four standard deviations of a share of FLOWS flows, and a little for second choices. less: so much
    less may be found."""
    slack = 4 * math.sqrt(max(expected * (1 - expected), 0.002) / FLOWS) + 0.015
    return expected - less - slack <= found <= expected + slack


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize(("protocol", "track", "then"), TRACKS)
def test_as_many_break_as_estimated(document_of, protocol, track, then, flip) -> None:
    before = {**BEFORE, "protocol": protocol, "track": track, "vip": VIP}
    old = document_of(CONFIG.format(**before))
    new = document_of(CONFIG.format(**{**before, **FLIPS[flip], "track": then}))
    broken, saved = simulate(old, new)
    effect = effect_of(old, new)
    less = SECOND_CHOICES if flip == "all at once" else 0.0
    assert within(broken, effect.at_risk, less), (broken, effect)
    assert within(saved, effect.protected, less), (saved, effect)


@pytest.mark.parametrize("flip", FLIPS_FROM_OFF)
@pytest.mark.parametrize("since", ["before", "after"])
@pytest.mark.parametrize(("protocol", "track", "then"), TRACKS)
def test_from_a_real_that_is_off(document_of, protocol, track, then, flip, since) -> None:
    """Its flows may have begun before it was disabled, or after, elsewhere: the estimate covers both."""
    before = {**BEFORE, "servers": STARTED_OFF, "protocol": protocol, "track": track, "vip": VIP}
    after = {**before, "servers": BEFORE["servers"], **FLIPS_FROM_OFF[flip], "track": then}
    old, new = document_of(CONFIG.format(**before)), document_of(CONFIG.format(**after))
    broken, _ = simulate(old, new, began_before_off=since == "before")
    at_risk = effect_of(old, new).at_risk
    assert broken <= at_risk or within(broken, at_risk), (broken, effect_of(old, new))


def test_what_the_bound_is_for(document_of) -> None:
    """`needed` to `minimal` with a disabled real: flows from before it was break, later ones do not."""
    before = {**BEFORE, "servers": STARTED_OFF, "protocol": "tcp", "track": "needed", "vip": VIP}
    old, new = (
        document_of(CONFIG.format(**before)),
        document_of(CONFIG.format(**{**before, "track": "minimal"})),
    )
    at_risk = effect_of(old, new).at_risk
    assert within(simulate(old, new, began_before_off=True)[0], at_risk)
    assert simulate(old, new, began_before_off=False)[0] == 0 < at_risk


def effect_of(old, new) -> Effect:
    effects = Disruption(old, new, {}, {}).effects()
    return effects[0] if effects else Effect("", "", 0.0)


def simulate(old, new, began_before_off: bool = False) -> tuple[float, float]:
    """Of flows that begin under `old` and go on under `new`: the share that breaks, and the share that
    does not although a new flow would go elsewhere."""
    (was,), (now,) = old.services.values(), new.services.values()
    path = Path(old, was, list(dict.fromkeys([*was.table.reals, *now.table.reals])))
    for address, real in was.reals.items():
        drains = real.disabled and not began_before_off
        path.set_state(address, model.DRAINING if drains else model.ACCEPTING)
    numbers = random.Random(f"{old.digest} {new.digest}")
    flows = [(socket.inet_ntoa(numbers.randbytes(4)), numbers.randint(1, 65535)) for _ in range(FLOWS)]
    began = [path.send(flow, syn=True) for flow in flows]
    assert [path.send(flow, syn=False) for flow in flows] == began  # established, and promoted
    for address, real in was.reals.items():
        if real.disabled:
            path.set_state(address, model.DRAINING)
    began = [path.send(flow, syn=False) for flow in flows]  # what breaks here is not the flip's doing
    path.flip(new, now)
    for address in [*was.reals, *now.reals]:
        configured = now.reals.get(address)
        accepts = configured is not None and not configured.disabled
        comes_back = accepts and path.state(address) != model.ACCEPTING
        path.set_state(address, model.ACCEPTING if accepts else model.DRAINING, consult=comes_back)
    fates = [
        (path.send(flow, syn=False) == real, path.fresh(flow) == real)
        for flow, real in zip(flows, began, strict=True)
    ]
    return sum(not kept for kept, _ in fates) / FLOWS, sum(
        kept and not anyway for kept, anyway in fates
    ) / FLOWS


SERVICE = (
    "services: [{{virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {{{policy}}}}}]"
)


def test_removed_services_break(document_of) -> None:
    both, one = (document_of(SERVICE.format(policy=p)) for p in ("80: , 81: ", "80: "))
    (effect,) = Disruption(both, one, {}, {}).effects()
    assert (effect.service, effect.moved, effect.at_risk) == ("192.0.2.1:81:tcp", 1.0, 1.0)
    (cause,) = effect.causes
    assert (cause.why, cause.detail) == (Why.REMOVED, "its port becomes an unknown one")
    elsewhere = document_of(SERVICE.format(policy="80: ").replace("192.0.2.1", "192.0.2.2"))
    (effect,) = Disruption(one, elsewhere, {}, {}).effects()
    assert effect.causes[0].detail == "its VIP leaves"


def test_withdrawn_vips_break_and_silent_ones_have_nothing_to_break(document_of) -> None:
    old, new = (
        document_of(SERVICE.format(policy="80: ").replace("10.0.0.2", real))
        for real in ("10.0.0.2", "10.0.0.3")
    )
    (effect,) = Disruption(old, new, {"192.0.2.1": "why"}, {}).effects()
    assert (effect.at_risk, effect.causes[0].why, effect.causes[0].detail) == (1.0, Why.WITHDRAWN, "why")
    (effect,) = Disruption(old, new, {}, {"192.0.2.1": "why"}).effects()
    assert (effect.at_risk, effect.causes[0].why) == (0.0, Why.NOT_ANNOUNCED)
    assert effect.moved > 0


def leastconn(document_of, real="10.0.0.2", scheduler="leastconn", protocol="tcp"):
    text = SERVICE.format(policy=f"53/{protocol}: {{track: needed}}").replace("10.0.0.2", real)
    text = text.replace("table_size", f"scheduler: {scheduler}, table_size") if scheduler else text
    return document_of(text)


def test_leastconn(document_of) -> None:
    stays = Disruption(leastconn(document_of), leastconn(document_of, "10.0.0.3"), {}, {}).effects()[0]
    assert stays.at_risk == 0 < stays.protected
    off = Disruption(leastconn(document_of), leastconn(document_of, scheduler=""), {}, {}).effects()[0]
    assert (off.at_risk, off.protected, off.causes[0].why) == (0, pytest.approx(0.5), Why.LEASTCONN_OFF)
    assert Disruption(leastconn(document_of, scheduler=""), leastconn(document_of), {}, {}).effects() == ()
    udp = [leastconn(document_of, scheduler=s, protocol="udp") for s in ("", "leastconn")]
    on = Disruption(*udp, {}, {}).effects()[0]
    assert (on.at_risk, on.causes[0].why) == (pytest.approx(0.5), Why.LEASTCONN_ON)


def test_stickiness_is_another_hash(document_of) -> None:
    old, new = (document_of(SERVICE.format(policy=f"80: {{sticky: {s}}}")) for s in ("false", "true"))
    (effect,) = Disruption(old, new, {}, {}).effects()
    assert effect.moved == pytest.approx(0.5, abs=0.01)
    assert (effect.at_risk, effect.protected) == (0, effect.moved)


def test_macs_move_nothing(document_of) -> None:
    text = SERVICE.replace("{policy}", "80: ") + "\nneighbors: {{10.0.0.1: '02:00:00:00:00:0{}'}}\n"
    old, new = (document_of(text.format(n)) for n in (1, 2))
    assert old.digest != new.digest
    assert Disruption(old, new, {}, {}).effects() == ()


def test_ipv6_likewise(document_of) -> None:
    text = (
        SERVICE.format(policy="80: ").replace("192.0.2.1", "2001:db8::1").replace("10.0.0.", "2001:db8:1::")
    )
    old, new = document_of(text), document_of(text.replace("2001:db8:1::2", "2001:db8:1::3"))
    (effect,) = Disruption(old, new, {}, {}).effects()
    assert 0.4 < effect.moved < 0.7
    assert (effect.at_risk, effect.protected) == (0, pytest.approx(effect.moved))
    assert effect.causes[0].reals == ("2001:db8:1::2",)
