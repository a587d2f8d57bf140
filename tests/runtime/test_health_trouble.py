"""What keeps this host from checking is told at once, and not a thousand times a second."""

from __future__ import annotations

from vc5d.health.trouble import Troubles


def test_told_at_once_and_then_with_a_count() -> None:
    told: list[tuple[str, int]] = []
    now = [0.0]
    troubles = Troubles(lambda event, why, checks: told.append((why, checks)), lambda: now[0])
    for now[0] in (0.0, 0.1, 0.2, 9.9):
        troubles.note("too many open files")
    assert told == [("too many open files", 1)]
    troubles.note("no buffer space available")
    assert told[1:] == [("no buffer space available", 1)], "another one is told at once too"
    now[0] = 10.0
    troubles.note("too many open files")
    assert told[2:] == [("too many open files", 4)]


def test_reasons_without_end_are_not_kept() -> None:
    troubles = Troubles(lambda event, **values: None, lambda: 0.0)
    for number in range(1000):
        troubles.note(f"a defect of vc5d: {number}")
    assert len(troubles._told) <= 64
    assert len(troubles._untold) <= 64
