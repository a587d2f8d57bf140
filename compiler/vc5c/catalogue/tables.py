"""Rules about Maglev tables, weights and what the maps hold."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule


def _two(inside: str) -> str:
    return f"services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1, 10.0.0.2]\n    policy: {{http: }}\n    {inside}\n"


RULES = (
    Rule(
        id="table-size",
        means="A `table_size` that no table can have.",
        why="Maglev's permutations need a prime, and every real at least one slot.",
        example=_two("table_size: 16384"),
        fix="A prime such as 16381 or 65537; or leave `table_size` out.",
    ),
    Rule(
        id="too-many-reals",
        means="More reals in one service than a table can balance.",
        why="The largest table has 655,373 slots, and a fair share takes 100 of them.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [<6554 addresses>]\n    policy: {http: }\n",
        fix="Split the service over several VIPs.",
    ),
    Rule(
        id="few-slots",
        severity="warning",
        means="A real's share of the table is only a few slots.",
        why="Whole slots are given out. Of 10 slots one more or less is 10 % of the real's share; "
        "the smallest share should be 100 slots (Maglev's paper: imbalance of 1 %).",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [<100 addresses>]\n    table_size: 1009\n    policy: {http: }\n",
        fix="A larger `table_size`, or none; weights that differ less.",
    ),
    Rule(
        id="weight-of-none",
        means="A weight for what is no server of the service.",
        why="The weight was meant for one that now has 1.",
        example=_two("weights: {10.0.0.3: 2}"),
        fix="Correct the address, or remove the weight.",
    ),
    Rule(
        id="weight-left-out",
        severity="warning",
        means="One real has no weight, where the others have large ones.",
        why="Without a weight it has 1: next to the others, hardly any new flows.",
        example=_two("weights: {10.0.0.1: 100}"),
        fix="Give it a weight too: `1`, if that is meant.",
    ),
    Rule(
        id="large-tables",
        severity="warning",
        means="The tables take more than 1 GB of the kernel's memory on each load balancer.",
        why="`vc5d` makes room for four copies of every table, so that a change can be prepared beside what is live. "
        "The kernel's memory is never swapped out.",
        example="services:\n<130 times:  - {virtual: 192.0.2.#, servers: [10.0.0.#], table_size: 1048573, policy: {http: }}>\n",
        fix="Smaller tables: leave `table_size` out. Services with the same servers and weights share one.",
    ),
)  # fmt: skip
