"""Comments that silence a rule, and those that silence nothing."""

from __future__ import annotations

import pytest

SYSLOG = """\
services:
  - virtual: 192.0.2.1
    servers: [10.0.0.1]
    policy:
      {above}
      514/udp:  {beside}
"""


def syslog(beside: str = "", above: str = "") -> str:
    return SYSLOG.format(beside=beside, above=above)


CASES = {
    "nothing is silenced": (syslog(), ["unchecked"]),
    "beside": (syslog("# vc5c: ignore[unchecked]"), []),
    "above": (syslog(above="# vc5c: ignore[unchecked]"), []),
    "above, with other comments between": (syslog(above="# vc5c: ignore[unchecked]\n\n  # why"), []),
    "after another comment": (syslog("# UDP # vc5c: ignore[unchecked]"), []),
    "without spaces": (syslog("#vc5c:ignore[unchecked]"), []),
    "of another rule": (syslog("# vc5c: ignore[no-effect]"), ["unchecked", "unused-ignore"]),
    "of another line": (
        syslog().replace("[10.0.0.1]", "[10.0.0.1]  # vc5c: ignore[unchecked]"),
        ["unused-ignore", "unchecked"],
    ),
    "of two rules, one of them broken": (
        syslog("# vc5c: ignore[unchecked, no-effect]"),
        ["unused-ignore"],
    ),
    "twice": (
        syslog("# vc5c: ignore[unchecked]", "# vc5c: ignore[unchecked]"),
        ["unused-ignore"],
    ),
    "unknown": (syslog("# vc5c: ignore[uncheked]"), ["unchecked", "bad-ignore"]),
    "of all": (syslog("# vc5c: ignore"), ["unchecked", "bad-ignore"]),
    "of none": (syslog("# vc5c: ignore[]"), ["unchecked", "bad-ignore"]),
    "inside text": (
        syslog("{description: 'a # vc5c: ignore[unchecked]'}"),
        ["unchecked"],
    ),
    "inside a block of text": (
        syslog().replace("    servers", "    description: |\n      # vc5c: ignore[no-effect]\n    servers"),
        ["unchecked"],
    ),
    "an error that leaves no document": (
        syslog("# vc5c: ignore[duplicate-service]", "514/udp*:"),
        ["duplicate-service", "unchecked", "bad-ignore"],
    ),
    "an error that leaves one": (
        "vlans: {10: 192.0.2.0/24}\nservices:\n  - virtual: 192.0.2.1  # vc5c: ignore[vip-in-vlan]\n"
        "    servers: [192.0.2.9]\n    policy: {http: }\n",
        [],
    ),
    "not where the text is broken": ("services: [  # vc5c: ignore[unchecked]\n", ["yaml-syntax"]),
}


@pytest.mark.parametrize("case", CASES)
def test_ignore(case: str, problems_of) -> None:
    text, rules = CASES[case]
    found = [problem.rule for problem in problems_of(text)]
    assert found == rules


def test_the_place_is_the_rule_in_the_comment(rendered) -> None:
    assert rendered(syslog("# vc5c: ignore[unchecked, uncheked]")) == (
        "config.yaml:6:43: warning: no rule is called `uncheked`; did you mean `unchecked`? [bad-ignore]\n"
        "    6 |       514/udp:  # vc5c: ignore[unchecked, uncheked]\n"
        "      |                                           ^^^^^^^^"
    )
