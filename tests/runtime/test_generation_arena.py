"""First fit, against a plain list of booleans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vc5d.generation.arena import Arena, ArenaFull


def test_takes_the_first_hole_that_fits() -> None:
    arena = Arena(10, [(2, 1), (5, 2)])
    assert arena.free == 7
    assert [arena.take(2), arena.take(2), arena.take(3)] == [0, 3, 7]
    with pytest.raises(ArenaFull) as full:
        arena.take(1)
    assert (full.value.wanted, full.value.free) == (1, 0)


def test_a_hole_is_used_on_both_sides_of_an_alignment() -> None:
    arena = Arena(32, [(0, 3)])
    assert arena.take(8, align=8) == 8
    assert arena.take(5) == 3
    assert arena.take(16, align=16) == 16


@given(
    used=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8),
    wanted=st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 4, 8])), max_size=12),
)
def test_nothing_is_given_twice(used: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    taken = [any(start <= i < start + length for start, length in used) for i in range(64)]
    arena = Arena(64, used)
    for length, align in wanted:
        fits = [i for i in range(0, 65 - length, align) if not any(taken[i : i + length])]
        if not fits:
            with pytest.raises(ArenaFull):
                arena.take(length, align)
            continue
        start = arena.take(length, align)
        assert start == fits[0]
        taken[start : start + length] = [True] * length
        assert arena.free == taken.count(False)
