"""Rules about the shape: what schemas/config.schema.json says of single values and their types."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule


def _service(inside: str) -> str:
    return (
        f"services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    policy: {{http: }}\n    {inside}\n"
    )


RULES = (
    Rule(
        id="unknown-key",
        means="A key that is not part of the language.",
        why="Ignored, it would do nothing, and nobody would notice: `nead: 2` would leave `need` at 1.",
        example=_service("nead: 2"),
        fix="Take the key that the message suggests, or remove it.",
    ),
    Rule(
        id="migrate-cannot",
        means="Words of an older VC5 that `vc5c --migrate` cannot rewrite.",
        why="What they meant has no counterpart, is not clear, or is laid out so that a change might break it.",
        example="rhi: {as_number: 65000}\nbgp: {as_number: 65001}\n",
        options=("--migrate",),
        fix="Rewrite that place by hand, then run `vc5c --migrate` again for the rest.",
    ),
    Rule(
        id="missing-key",
        means="A key that must be there is not.",
        why="A service without `virtual` or `policy` has nothing to serve.",
        example="services:\n  - virtual: 192.0.2.1\n",
        fix="Add the key.",
    ),
    Rule(
        id="wrong-type",
        means="A list where a number should be, text where true or false should be, and so on.",
        why="YAML parsers disagree about `010`, `yes` or `1:30`. Here they are text, and the message says so.",
        example=_service("need: 010"),
        fix="Write numbers in decimal without quotes, and booleans as `true` or `false`.",
    ),
    Rule(
        id="bad-value",
        means="Not one of the values that are possible here.",
        why="There are only so many, and the message has them.",
        example=_service("track: al"),
        fix="Take one of those that the message names.",
    ),
    Rule(
        id="bad-key",
        means="A key that cannot be: no VLAN has the number 4095.",
        why="VLAN ids are 12 bits, and 0 and 4095 are reserved (IEEE 802.1Q).",
        example="vlans: {4095: 10.0.0.0/24}\nservices: []\n",
        fix="Correct the key.",
    ),
    Rule(
        id="out-of-range",
        means="A number that is too small or too large.",
        why="The message has the bound. BGP, for one, allows no hold time below 3 seconds (RFC 4271).",
        example="bgp: {as_number: 65000, hold_time: 2, peers: [10.0.0.200]}\nservices: []\n",
        fix="Give a number within the bounds.",
    ),
    Rule(
        id="empty-list",
        means="A list or mapping without entries, where at least one is needed.",
        why="A service of no VIPs, or with no policy, would be nothing.",
        example="services:\n  - virtual: []\n    servers: [10.0.0.1]\n    policy: {http: }\n",
        fix="Add an entry, or remove the whole.",
    ),
)  # fmt: skip
