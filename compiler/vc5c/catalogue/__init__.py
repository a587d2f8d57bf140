"""Every rule: what it means, why it matters, an example that breaks it, and what to do.

docs/rules.md is generated from here, and its examples are compiled by a test, so that it cannot lie.
"""

from __future__ import annotations

from vc5c.catalogue import announcing, comments, network, services, shape, tables, text, values
from vc5c.catalogue.rule import Rule

GROUPS: dict[str, tuple[Rule, ...]] = {
    "The text": text.RULES,
    "The shape": shape.RULES,
    "Single values": values.RULES,
    "Services": services.RULES,
    "Tables and weights": tables.RULES,
    "Addresses and networks": network.RULES,
    "Announcing": announcing.RULES,
    "Silencing a rule": comments.RULES,
}

RULES: dict[str, Rule] = {rule.id: rule for rules in GROUPS.values() for rule in rules}

__all__ = ["GROUPS", "RULES", "Rule"]
