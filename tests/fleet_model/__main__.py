"""python -m fleet_model [histories]: what breaks with all rules, and without each (run it in tests/)."""

from __future__ import annotations

import sys

from .node import RULES
from .world import RESTARTS, Chances, Outcome, play


def total(
    histories: range, chances: Chances, without: frozenset[str] = frozenset(), seconds: int = 400
) -> Outcome:
    sums = Outcome()
    for seed in histories:
        one = play(seed, chances, without, seconds)
        sums.packets += one.packets
        sums.broken += one.broken
        sums.flows += one.flows
    return sums


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for rule in ("", *RULES):
        runs = range(count if not rule else max(1, count // 4))
        out = total(runs, RESTARTS if rule == "settle" else Chances(), frozenset({rule} - {""}))
        name = f"without {rule}" if rule else "all rules"
        print(f"{name:20} broken {out.broken:5} of {out.flows} flows, {out.packets} packets")
