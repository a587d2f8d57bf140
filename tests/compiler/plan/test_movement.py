"""Shares of the hash space: against every piece of both tables, by fractions."""

from __future__ import annotations

import base64
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vc5c.documents import NotADocument, Table
from vc5c.plan.movement import HASHES, movement

NAMES = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]


@st.composite
def tables(draw):
    reals = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    slots = draw(st.lists(st.integers(0, len(reals) - 1), min_size=2, max_size=13))
    return table(tuple(reals), slots)


def table(reals, slots) -> Table:
    packed = base64.b64encode(struct.pack(f"<{len(slots)}H", *slots)).decode()
    return Table("digest", len(slots), reals, (1,) * len(reals), packed)


def pieces(of: Table):
    """(first u, end, owner) of each slot: u * size >> 32 is the slot."""
    for slot in range(of.size):
        first = -(-(slot << 32) // of.size)
        yield first, -(-((slot + 1) << 32) // of.size), of.owner(slot)


@given(tables(), tables())
def test_same_hash(old, new) -> None:
    kept, lost = dict.fromkeys(old.reals, Fraction(0)), dict.fromkeys(old.reals, Fraction(0))
    for a, b, owner in pieces(old):
        for c, d, after in pieces(new):
            overlap = max(0, min(b, d) - max(a, c))
            (kept if owner == after else lost)[owner] += Fraction(overlap, HASHES)
    found = movement(old, new, same_hash=True)
    slack = 0 if old.size != new.size else 1e-9  # equal sizes are counted by slots, not by hashes
    assert found.kept == pytest.approx([float(kept[real]) for real in old.reals], abs=1e-12 + slack)
    assert found.moved == pytest.approx([float(lost[real]) for real in old.reals], abs=1e-12 + slack)


@given(tables(), tables())
def test_other_hash(old, new) -> None:
    found = movement(old, new, same_hash=False)
    for number, real in enumerate(old.reals):
        before = Fraction(sum(old.owner(slot) == real for slot in range(old.size)), old.size)
        after = Fraction(sum(new.owner(slot) == real for slot in range(new.size)), new.size)
        assert found.kept[number] == pytest.approx(float(before * after))
        assert found.moved[number] == pytest.approx(float(before * (1 - after)))


def test_slots_of_no_real() -> None:
    bad = table(("10.0.0.1",), [0, 1])
    with pytest.raises(NotADocument, match="slots of no real"):
        movement(bad, bad, same_hash=True)


def test_slots_that_are_missing() -> None:
    good = table(("10.0.0.1",), [0, 0])
    bad = Table("digest", 3, good.reals, (1,), good.base64)
    with pytest.raises(NotADocument, match="has 2 slots, not 3"):
        movement(bad, good, same_hash=True)
