"""When the watchdog is fed, and when frames count as unseen: by clocks and numbers alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from vc5d import log
from vc5d.network.sight import LEAST, Sight, received_frames
from vc5d.systemd import notify, watchdog
from vc5d.systemd.watchdog import BUDGET, Watchdog


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(notify, "alive", lambda: found.append("fed"))
    return found


@pytest.mark.parametrize(("late", "expected"), [(0, 1), (2, 1), (BUDGET - 1, 1), (BUDGET, 0), (1000, 0)])
def test_it_is_fed_while_turns_come(late: float, expected: int, fed: list[str]) -> None:
    now = 100.0
    dog = Watchdog(lambda: now)
    dog.turned()
    now += late
    dog.feed()
    assert len(fed) == expected


def test_one_that_starved_is_fed_again(fed: list[str], caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    dog = Watchdog(lambda: now)
    now = BUDGET
    dog.feed()
    dog.feed()
    assert fed == []
    assert caplog.text.count("watchdog.starved") == 1
    dog.turned()
    dog.feed()
    assert fed == ["fed"]


@pytest.mark.parametrize(("usec", "seconds"), [("2000000", 0.5), ("", 3.75), ("soon", 3.75)])
def test_it_is_fed_four_times_as_often_as_it_must(
    usec: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    assert watchdog.interval() == seconds


def look(windows: list[tuple[int, int]]) -> list[bool]:
    """(frames received, frames counted) of one window after another -> unseen after each."""
    sight = Sight(lambda: 1.0)
    sight.look({"eth0": 10**9}, 10**6)
    received, counted, result = 10**9, 10**6, []
    for came, seen in windows:
        received, counted = received + came, counted + seen
        sight.look({"eth0": received}, counted)
        result.append(sight.unseen_since is not None)
    return result


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([(0, 0)] * 50, [False] * 50),
        ([(LEAST - 1, 0)] * 50, [False] * 50),
        ([(LEAST, 1)] * 50, [False] * 50),
        ([(LEAST, 0)] * 4, [False, False, True, True]),
        ([(LEAST, 0), (0, 0), (LEAST, 0), (LEAST, 0)], [False, False, False, True]),
        ([(LEAST, 0), (5, 5), (LEAST, 0), (LEAST, 0)], [False] * 4),
        ([(LEAST, 0)] * 3 + [(7, 7)], [False, False, True, False]),
        ([(-(10**9), 0)] * 5, [False] * 5),
    ],
    ids=["idle", "quiet", "seen", "unseen", "pause", "seen-once", "again", "counters-began-anew"],
)
def test_only_many_frames_of_which_none_is_counted(
    windows: list[tuple[int, int]], expected: list[bool]
) -> None:
    assert look(windows) == expected


def test_both_ways_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info")
    look([(LEAST, 0)] * 6 + [(1, 1)] * 3)
    told = capsys.readouterr().err
    assert (told.count("traffic.unseen"), told.count("traffic.seen")) == (1, 1)


def test_frames_received(tmp_path: Path) -> None:
    text = (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
        "    lo: 100  1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n"
        "eth0.10:999999999  42 0 0 0 0 0 0 5 6 0 0 0 0 0 0\n"
    )
    (tmp_path / "dev").write_text(text)
    assert received_frames(["eth0.10", "gone"], tmp_path / "dev") == {"eth0.10": 42}
    assert received_frames(["lo"])["lo"] >= 0, "this kernel's"
