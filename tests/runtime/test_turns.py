"""Long work in the event loop leaves the others their turn."""

from __future__ import annotations

import asyncio

import pytest
from vc5d.loop import turns
from vc5d.loop.turns import Slices


def test_others_have_their_turn_after_some_time_and_theirs_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, others = 0.0, 0

    async def beside() -> None:
        nonlocal now, others
        while True:
            now, others = now + 1.0, others + 1
            await asyncio.sleep(0)

    async def main() -> None:
        nonlocal now
        monkeypatch.setattr(turns.time, "perf_counter", lambda: now)
        busy, slices = asyncio.create_task(beside()), Slices()
        async for each in slices.of(range(1000)):
            now += 0.00002 if each < 500 else 0.0001
        busy.cancel()
        assert slices.took == pytest.approx(500 * 0.00002 + 500 * 0.0001)
        assert 90 <= others <= 125, "once in half a millisecond"

    asyncio.run(main())


def test_what_is_done_at_once_is_not_cut() -> None:
    async def main() -> list[int]:
        found, slices = list[int](), Slices()
        async for each in slices.of(range(3)):
            found.append(each)
        assert 0 < slices.took < 10
        return found

    assert asyncio.run(main()) == [0, 1, 2]
