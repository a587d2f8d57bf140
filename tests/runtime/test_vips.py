"""Which VIPs are up, announced, leaving; and why not, in words."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d import log
from vc5d.announce.vips import Circumstances, Vips, VipState
from vc5d.document import Document, ServiceKey
from vc5d.health.state import Condition
from vc5d.health.watch import Sides
from vc5d.operator.drains import Drains, Target

HTTP, HTTPS, OTHER = "192.0.2.1:80:tcp", "192.0.2.1:443:tcp", "192.0.2.2:80:tcp"
VIP, SECOND = "192.0.2.1", "192.0.2.2"
A, B = "10.0.0.1", "10.0.0.2"
NOTHING = Circumstances(frozenset(), Drains())


def made(**options: dict[str, Any]) -> Document:
    """options: of services, by their last digits and port, such as s1_80={"priority": "low"}."""
    whole = document(Spec({HTTP: {A: 1, B: 1}, HTTPS: {A: 1, B: 1}, OTHER: {A: 1}}))
    given = {f"192.0.2.{name[1]}:{name[3:]}:tcp": value for name, value in options.items()}
    services = {
        key: replace(service, options={**service.options, **given.get(str(key), {})})
        for key, service in whole.services.items()
    }
    return replace(whole, services=services)


def decide(
    now: Circumstances = NOTHING,
    down: set[tuple[str, str]] | None = None,
    vips: Vips | None = None,
    **options: dict[str, Any],
) -> dict[str, VipState]:
    def condition(key: ServiceKey, address: str) -> Condition:
        return Condition((str(key), address) not in (down or set()))

    return asyncio.run((vips or Vips(lambda: 100.0)).decide(made(**options), condition, now))


def test_all_is_well() -> None:
    assert decide() == {vip: VipState(True, True, False, "", "critical", 100.0) for vip in (VIP, SECOND)}


def test_too_few_reals() -> None:
    states = decide(down={(HTTPS, A), (HTTPS, B)})
    assert not states[VIP].up
    assert not states[VIP].announce
    assert states[VIP].why == f"0 of 1 needed reals of {HTTPS} accept"
    assert states[SECOND].announce


def test_a_vip_with_a_star_is_up_and_not_announced() -> None:
    state = decide(s1_443={"disabled": True})[VIP]
    assert (state.up, state.announce) == (True, False)
    assert "withdrawn by the configuration" in state.why


def test_what_is_announced_stays_so_while_learning() -> None:
    states = decide(Circumstances(frozenset({VIP}), Drains(), learning=4.2))
    assert states[VIP].announce
    assert not states[SECOND].announce
    assert states[SECOND].why == "learning for 4 s more"


def test_no_vip_while_an_interface_is_without_the_program() -> None:
    states = decide(Circumstances(frozenset({VIP}), Drains(), bare=frozenset({"eth1", "eth0"})))
    assert not any(state.announce for state in states.values())
    assert states[VIP].why == "eth0, eth1 is without the program"
    assert states[VIP].up


@pytest.mark.parametrize(
    ("target", "leaving"),
    [
        (Target("host"), {VIP, SECOND}),
        (Target("vip", vip=SECOND), {SECOND}),
        (Target("service", service=HTTPS), {VIP}),
        (Target("real", real=A), set[str]()),
    ],
)
def test_drained_vips_are_leaving(target: Target, leaving: set[str]) -> None:
    if target.kind == "real":  # too few would be left of the second VIP
        states = decide(Circumstances(frozenset(), Drains().drain(target)))
        assert not states[SECOND].up
        return
    states = decide(Circumstances(frozenset(), Drains().drain(target)))
    assert {vip for vip, state in states.items() if state.leaving} == leaving
    assert all(state.announce for state in states.values())
    assert all(states[vip].why == f"drained: {target}" for vip in leaving)


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ({}, "error"),
        ({"s1_80": {"priority": "low"}}, "error"),
        ({"s1_80": {"priority": "low"}, "s1_443": {"priority": "high"}}, "warning"),
        ({"s1_80": {"priority": "medium"}, "s1_443": {"priority": "low"}}, "notice"),
        ({"s1_80": {"priority": "nonsense"}, "s1_443": {"priority": "low"}}, "info"),
    ],
)
def test_a_change_is_told_as_loudly_as_the_priority_says(
    options: dict[str, dict[str, Any]], level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.setup("info")
    now = [100.0]
    vips = Vips(lambda: now[0])
    decide(vips=vips, **options)
    assert capsys.readouterr().err == "", "the first state is no change"
    now[0] = 200.0
    down = {(HTTP, A), (HTTP, B)}
    assert decide(down=down, vips=vips, **options)[VIP].since == 200.0
    assert f" {level} vip.down vip={VIP} " in capsys.readouterr().err
    now[0] = 300.0
    assert decide(down=down, vips=vips, **options)[VIP].since == 200.0
    assert capsys.readouterr().err == ""
    assert decide(vips=vips, **options)[VIP].since == 300.0
    assert f" info vip.up vip={VIP} " in capsys.readouterr().err


class Health:
    """Of all reals, as watch.Watch has it."""

    def __init__(self) -> None:
        self.sides: dict[ServiceKey, Sides] = {}
        self._numbers = itertools.count()

    def set(self, key: ServiceKey, address: str, up: bool | None) -> None:
        sides = self.sides.setdefault(key, Sides(set(), set()))
        (sides.up.add if up else sides.up.discard)(address)
        (sides.down.add if up is False else sides.down.discard)(address)
        sides.revision = next(self._numbers)

    def condition(self, key: ServiceKey, address: str) -> Condition:
        sides = self.sides[key]
        return Condition(True if address in sides.up else False if address in sides.down else None)


def test_what_is_kept_from_one_decision_to_the_next_is_what_would_be_decided_anew() -> None:
    """A state machine of everything that a decision is made of, beside decisions that know nothing yet."""
    chance = random.Random(11)
    documents = [
        made(),
        made(s1_80={"disabled": True}),
        made(s2_80={"priority": "low"}),
        document(Spec({HTTP: {A: 1, B: 1}, OTHER: {B: 1}})),
    ]
    health = Health()
    names = [(key, real) for each in documents for key, its in each.services.items() for real in its.reals]
    for name in names:
        health.set(*name, None)
    kept = Vips(lambda: 0.0, health.sides.__getitem__)
    now, live, seen = NOTHING, documents[0], set[tuple[Any, ...]]()
    for _ in range(600):
        match chance.randrange(6):
            case 0 | 1:
                health.set(*chance.choice(names), chance.choice([True, True, False, None]))
            case 2:
                live = chance.choice(documents)
            case 3:
                now = replace(now, announced=frozenset(v for v in (VIP, SECOND) if chance.random() < 0.5))
            case 4:
                targets = [Target("host"), Target("vip", vip=VIP), Target("real", real=A)]
                now = replace(now, drains=Drains(frozenset(chance.sample(targets, chance.randrange(2)))))
            case 5:
                bare = frozenset({"eth0"} if chance.random() < 0.2 else ())
                now = replace(now, bare=bare, learning=chance.choice([0.0, 0.0, 0.3, 3.2]))
        found = asyncio.run(kept.decide(live, health.condition, now))
        anew = asyncio.run(Vips(lambda: 0.0).decide(live, health.condition, now))
        assert found == anew
        seen |= {(state.up, state.announce, state.leaving, state.why) for state in found.values()}
    assert len(seen) > 12, "the test has seen little"
