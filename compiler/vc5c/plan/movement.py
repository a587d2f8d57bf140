"""What share of all flows finds another owner in another table: exact, by slots, not by samples.

A flow's slot is its hash's upper half, u, scaled: `u * size >> 32`. So a table cuts 0 … 2^32-1 into `size`
pieces, and two tables read with the same hash cut it into pieces where both answers are constant. Read with
different hashes (another seed, or stickiness turned on or off) the two answers have nothing to do with
each other, and their shares multiply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vc5c.documents import NotADocument, Table

HASHES = 1 << 32
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Movement:
    """Of the old table's reals, in its order: the share of all hashes that each keeps, and that it loses."""

    reals: tuple[str, ...]
    kept: Shares
    moved: Shares


def movement(old: Table, new: Table, same_hash: bool) -> Movement:
    """From the old table's owners to the new one's. Raises NotADocument when slots name no real."""
    numbers = {real: number for number, real in enumerate(old.reals)}
    names = np.array([numbers.get(real, -1) for real in new.reals], np.int64)  # -1: a real that is new
    before, after = _owners(old), names[_owners(new)]
    count = len(old.reals)
    if not same_hash:
        share = np.bincount(before, minlength=count) / old.size
        gained = np.bincount(after[after >= 0], minlength=count) / new.size
        return Movement(old.reals, share * gained, share * (1 - gained))
    weights: Any = None
    whole = old.size
    if old.size != new.size:
        starts = np.union1d(_starts(old.size), _starts(new.size))
        weights = np.diff(np.append(starts, HASHES))
        before, after = (
            before[starts * old.size >> 32],
            after[starts * new.size >> 32],
        )
        whole = HASHES
    same = before == after
    total = np.bincount(before, weights, minlength=count)
    kept = np.bincount(before[same], None if weights is None else weights[same], minlength=count)
    return Movement(old.reals, kept / whole, (total - kept) / whole)


def _owners(table: Table) -> npt.NDArray[np.int64]:
    owners = np.frombuffer(table.slots, "<u2").astype(np.int64)
    if owners.max() >= len(table.reals):
        raise NotADocument(f"the table {table.digest} has slots of no real")
    return owners


def _starts(size: int) -> npt.NDArray[np.int64]:
    """The smallest u of each slot: the ceiling of slot * 2^32 / size."""
    return -(-(np.arange(size, dtype=np.int64) << 32) // size)
