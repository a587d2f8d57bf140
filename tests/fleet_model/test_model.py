"""The fleet's rules, model-checked: with all of them no flow of a living real breaks; without one, some do.

VC5_FLEETS sets how many histories. `python -m fleet_model` in tests/ counts what breaks without each rule.
"""

from __future__ import annotations

import os

import pytest

from .node import RULES
from .world import Chances, play

HISTORIES = int(os.environ.get("VC5_FLEETS", "6"))
# What is wrong without a rule may take several histories to be seen.
SEEN_WITHIN = 30
# Only seen where a rule that comes before it is left out too, or in a fleet that was split.
BESIDES = {"unknown": "held"}


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_no_flow_of_a_living_real_breaks(seed: int) -> None:
    out = play(seed, Chances(nodes=3 + seed % 2), seconds=300)
    assert out.flows > 1000
    assert not out.broken


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in BESIDES])
def test_every_rule_is_needed(rule: str) -> None:
    assert any(
        play(seed, Chances(nodes=3 + seed % 2), frozenset({rule})).broken for seed in range(SEEN_WITHIN)
    ), f"without {rule} nothing breaks: is it a rule?"
