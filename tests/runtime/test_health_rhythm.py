"""When checks are due."""

from __future__ import annotations

from collections import Counter

from hypothesis import assume, given
from hypothesis.strategies import floats
from vc5d.health.rhythm import first_turn, jitter, next_turn, phase

moments, intervals, phases = floats(0, 1e7), floats(0.05, 600), floats(0, 0.999)


def test_phases_are_spread_and_the_same_each_time() -> None:
    names = [f"192.0.2.{i % 250}:80:tcp 10.0.{i // 250}.{i % 250}" for i in range(4000)]
    tenths = Counter(int(phase(name) * 10) for name in names)
    assert len(tenths) == 10
    assert all(300 < count < 500 for count in tenths.values())
    assert phase("192.0.2.1:80:tcp 10.0.0.1") == 4140448526 / 2**32, "in every process"


@given(moments, intervals, phases)
def test_the_first_turn_leaves_half_an_interval(now: float, interval: float, phase: float) -> None:
    turn = first_turn(now, interval, phase)
    assert now + 0.499 * interval <= turn <= now + 1.501 * interval
    turns = turn / interval - phase
    assert abs(turns - round(turns)) < 1e-3, "on the grid of its phase"


@given(moments, intervals, floats(-1, 20))
def test_turns_are_one_interval_apart_and_the_missed_are_left_out(
    turn: float, interval: float, late: float
) -> None:
    assume(abs(late - round(late)) > 0.01)
    following = next_turn(turn, turn + late * interval, interval)
    turns = (following - turn) / interval
    assert abs(turns - round(turns)) < 1e-3
    assert round(turns) == max(1, int(late)), "of those that have passed the last, or the one to come"


def test_jitter_is_a_twentieth_at_most() -> None:
    seen = [jitter(2.0) for _ in range(1000)]
    assert 0 <= min(seen) < 0.01
    assert 0.09 < max(seen) <= 0.1
