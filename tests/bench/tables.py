"""What the tables are worth: slots moved without need when a real goes, and how evenly they are shared."""

from __future__ import annotations

import statistics

import numpy as np
from vc5c import maglev
from vc5c.addresses import Address
from vc5c.resolved import TableSpec

REALS = (10, 20, 50, 100, 200, 500, 1000)
REMOVALS = 20  # different reals, evenly spread over the list


def reals(count: int) -> tuple[Address, ...]:
    """10.0.0.1 and those that follow."""
    return tuple(Address((0x0A000001 + n).to_bytes(4)) for n in range(count))


def owners(size: int, group: tuple[Address, ...]) -> np.ndarray:
    """The owner of each slot, as an index into the group."""
    return np.frombuffer(maglev.fill(TableSpec(size, group, (1,) * len(group))), "<u2").astype(np.int32)


def disruption(size: int, count: int) -> float:
    """Percent of all slots that change owner though theirs stays when one of so many reals goes.

    The mean of several removals.
    """
    group = reals(count)
    before = owners(size, group)
    moved = []
    for gone in range(0, count, max(1, count // REMOVALS)):
        after = owners(size, group[:gone] + group[gone + 1 :])
        after += after >= gone  # as numbers of the group before
        moved.append(int(np.count_nonzero((before != gone) & (before != after))))
    return 100 * statistics.mean(moved) / size


def imbalance(size: int, count: int) -> float:
    """The largest share over the mean share."""
    shares = np.bincount(owners(size, reals(count)), minlength=count)
    return float(shares.max() / shares.mean())


def measure() -> dict[str, dict[str, dict[str, float]]]:
    """size → reals → disruption_percent, imbalance."""
    return {
        str(size): {
            str(count): {
                "disruption_percent": round(disruption(size, count), 4),
                "imbalance": round(imbalance(size, count), 5),
            }
            for count in REALS
        }
        for size in maglev.LADDER
    }
