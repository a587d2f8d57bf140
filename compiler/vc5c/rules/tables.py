"""Rules about weights and tables: whether shares come out as written, and what the maps take."""

from __future__ import annotations

from vc5c.maglev import ladder_size
from vc5c.rules import Whole

FEW = 20  # slots: of fewer, one more or less is over 5 % of a share
HEAVY = 10  # weights: a real without one, at 1, gets a tenth of such a one's flows or less
COPIES, SLOT = 4, 2  # of each table that vc5d makes room for, and bytes (docs/document.md)
MOST_MEMORY = 1 << 30  # bytes


def shares_are_whole(whole: Whole) -> None:
    for case in whole.cases:
        size, weights = case.settings.table_size, case.settings.weights or {}
        shares = {s.address: weights[s.address].value if s.address in weights else 1 for s in case.servers}
        slots = size.value if size else ladder_size(len(shares))
        if not shares or slots < len(shares):
            continue
        lightest = min(shares, key=lambda address: shares[address])
        own = slots * shares[lightest] / sum(shares.values())
        if own < FEW:
            message = f"{lightest} has some {own:.1f} of {slots} slots: one more or less is {100 / own:.0f} %"
            written = size or weights.get(lightest)
            place = written.place if written else case.policy.place
            hint = "a larger `table_size`, or none; weights that differ less"
            whole.problems.warning("few-slots", message, place, hint=hint)


def weights_are_whole(whole: Whole) -> None:
    for case in whole.cases:
        weights = case.settings.weights or {}
        given = [weights[server.address] for server in case.servers if server.address in weights]
        if not given or min(weight.value for weight in given) < HEAVY:
            continue
        lightest = min(given, key=lambda weight: weight.value)
        for server in case.servers:
            if server.address not in weights:
                message = (
                    f"{server.address} has no weight, so 1, where all others have {lightest.value} or more"
                )
                note = ("the smallest is here", lightest.place)
                whole.problems.warning("weight-left-out", message, server.place, note)


def tables_fit(whole: Whole) -> None:
    """In the kernel's memory: services with equal tables share one."""
    tables = {
        (
            case.settings.table_size.value if case.settings.table_size else ladder_size(len(case.servers)),
            frozenset(server.address for server in case.servers),
            frozenset((a, w.value) for a, w in (case.settings.weights or {}).items()),
        ): case
        for case in whole.cases
    }
    memory = COPIES * SLOT * sum(size for size, _, _ in tables)
    if memory > MOST_MEMORY:
        _, largest = max(tables.items(), key=lambda item: item[0][0])
        size = largest.settings.table_size
        message = f"{len(tables)} different tables take {memory / 1e9:.1f} GB of memory on each load balancer"
        place = size.place if size else largest.policy.place
        whole.problems.warning(
            "large-tables", message, place, hint="leave `table_size` out, or make it smaller"
        )
