"""What the kernel is told of a real, as time goes by."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, floats, lists, sampled_from, tuples
from vc5d.document import ServiceKey
from vc5d.health.standing import Said, Standing, Standings, hear, state
from vc5d.xdp.layout import RealState

NAME = (ServiceKey("192.0.2.1", 80, "tcp"), "10.0.0.1")
SAID = {"?": None, "+": True, "-": False}
SHOWN = {None: ".", RealState.ACCEPTING: "A", RealState.DRAINING: "d", RealState.DOWN: "D"}


def told(said: str, linger: float = 0.0, closed: bool = False) -> str:
    """`said` by the checks, one a second: + up, - down, ? nothing yet. A accepting, d draining, D down,
    . the kernel keeps what it has."""
    standings = Standings()
    return "".join(
        SHOWN[standings.judge(NAME, Said(SAID[each], closed), linger, 100.0 + second)]
        for second, each in enumerate(said)
    )


@pytest.mark.parametrize(
    ("said", "linger", "expected", "why"),
    [
        ("??+", 0, "..A", "nothing is told before anything is known"),
        ("+-+", 0, "ADA", "without linger"),
        ("+----", 3, "AdddD", "three seconds, then down"),
        ("+--+", 3, "AddA", "recovered in between"),
        ("+--+----", 3, "AddAdddD", "and then it lingers anew"),
        ("+----+-", 3, "AdddDAd", "also after it was down"),
        ("---", 3, "DDD", "what was never up has no flows to keep"),
        ("?--", 3, ".DD", "nor after a restart"),
        ("+-?-", 3, "Ad.D", "nor when other checks began meanwhile"),
    ],
)
def test_lingering(said: str, linger: float, expected: str, why: str) -> None:
    assert told(said, linger) == expected, why


@pytest.mark.parametrize(
    ("said", "linger", "expected"), [("+-+", 0, "dDd"), ("+--", 1.5, "dd" + "d"), ("-+", 9, "Dd")]
)
def test_what_is_closed_never_accepts(said: str, linger: float, expected: str) -> None:
    assert told(said, linger, closed=True) == expected


def test_when_lingering_ends() -> None:
    standings = Standings()
    assert standings.next_end() == inf
    standings.judge(NAME, Said(True), 5.0, 10.0)
    standings.judge(NAME, Said(False), 5.0, 11.0)
    assert standings.next_end() == 16.0
    assert standings.ended(15.9) == []
    assert standings.ended(16.0) == [NAME]
    assert standings.judge(NAME, Said(False), 5.0, 16.0) == RealState.DOWN
    assert standings.next_end() == inf
    standings.judge(NAME, Said(True), 5.0, 20.0)
    standings.judge(NAME, Said(False), 5.0, 21.0)
    standings.forget([NAME])
    assert standings.next_end() == inf


def test_a_shorter_linger_counts_from_the_failure() -> None:
    standings = Standings()
    standings.judge(NAME, Said(True), 60.0, 10.0)
    assert standings.judge(NAME, Said(False), 60.0, 11.0) == RealState.DRAINING
    assert standings.judge(NAME, Said(False), 5.0, 17.0) == RealState.DOWN, "the document says 5 s now"


@given(
    lists(tuples(sampled_from([None, True, False]), floats(0, 10)), max_size=30), floats(0, 20), booleans()
)
def test_it_is_what_a_look_back_gives(
    history: list[tuple[bool | None, float]], linger: float, closed: bool
) -> None:
    """The oracle: find when the present run of failures began, and whether it came from up."""
    now, standing = 0.0, Standing()
    times: list[tuple[bool | None, float]] = []
    for up, pause in history:
        now += pause
        standing = hear(standing, up, now)
        times.append((up, now))
        began = len(times)
        while began and times[began - 1][0] is False:
            began -= 1
        from_up = began > 0 and times[began - 1][0] is True
        expected = {
            None: None,
            True: RealState.DRAINING if closed else RealState.ACCEPTING,
            False: RealState.DRAINING
            if up is False and from_up and now < times[began][1] + linger
            else RealState.DOWN,
        }[up]
        assert state(standing, Said(standing.up, closed), linger, now) == expected


@pytest.mark.parametrize(
    ("said", "kept", "expected", "why"),
    [
        ("+---", "..kk", "ADdd", "a peer's word for it keeps its established flows, from when it is heard"),
        ("+---", ".kk.", "AddD", "until the last peer says so too"),
        ("---", "kkk", "ddd", "also of one that was never up here"),
        ("?-", "kk", ".d", "but only once this host's own checks have said something"),
        ("++", "kk", "AA", "and it changes nothing of one that is up"),
    ],
)
def test_kept_by_a_peer(said: str, kept: str, expected: str, why: str) -> None:
    standings = Standings()
    told = [
        standings.judge(NAME, Said(SAID[up], kept=peer == "k"), 0.0, 100.0 + second)
        for second, (up, peer) in enumerate(zip(said, kept, strict=True))
    ]
    assert "".join(SHOWN[each] for each in told) == expected, why
