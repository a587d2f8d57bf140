"""The fleet's rules, model-checked: with all of them no flow of a living real breaks; without one, some do.

VC5_FLEETS sets how many histories. `python -m fleet_model` in tests/ counts what breaks without each rule.
"""

from __future__ import annotations

import os

import pytest

from .node import RULES
from .world import RESTARTS, Chances, play

HISTORIES = int(os.environ.get("VC5_FLEETS", "3"))
SEEN_WITHIN = 8  # histories: what is wrong without a rule may take some to be seen
# Flows of reals that are not known come only where new reals are not held.
BESIDES = {"unknown": {"held"}}


@pytest.mark.parametrize("chances", [Chances(), RESTARTS], ids=["everything", "restarts"])
@pytest.mark.parametrize("seed", range(HISTORIES))
def test_no_flow_of_a_living_real_breaks(seed: int, chances: Chances) -> None:
    out = play(seed, chances, seconds=300)
    assert out.flows > 1000
    assert not out.broken


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in BESIDES])
def test_every_rule_is_needed(rule: str) -> None:
    chances = RESTARTS if rule == "settle" else Chances()
    assert any(play(seed, chances, frozenset({rule})).broken for seed in range(SEEN_WITHIN)), (
        f"without {rule} nothing breaks: is it a rule?"
    )


@pytest.mark.parametrize(("rule", "others"), BESIDES.items())
def test_rules_that_are_needed_beside_others(rule: str, others: set[str]) -> None:
    def broken(without: set[str]) -> int:
        return sum(play(seed, Chances(), frozenset(without), 300).broken for seed in range(4))

    assert broken({rule, *others}) > broken(others)


def test_lost_messages_break_few_flows() -> None:
    """One in ten is lost. A flow of which two were lost, and which moves before it is told again, breaks."""
    outs = [play(seed, Chances(loss=0.1), seconds=300) for seed in range(HISTORIES)]
    assert sum(out.broken for out in outs) * 1000 < sum(out.flows for out in outs)


def test_a_split_heals() -> None:
    """The fleet falls apart and comes together again, with other documents than before. What a side did
    alone, as a transition that ended there, may break flows that then move to the other."""
    split = Chances(cut=0.03, crash=0, restart=0, health=0)
    outs = [play(seed, split, seconds=300) for seed in range(HISTORIES)]
    assert sum(out.broken for out in outs) * 100 < sum(out.flows for out in outs)
