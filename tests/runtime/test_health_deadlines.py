"""Time limits of many short waits."""

from __future__ import annotations

import asyncio

import pytest
from vc5d.health.deadlines import Deadlines


def test_each_ends_at_its_time_and_no_other() -> None:
    async def main() -> None:
        loop, deadlines = asyncio.get_running_loop(), Deadlines()

        async def wait(seconds: float) -> float:
            begin = loop.time()
            with pytest.raises(TimeoutError), deadlines.at(begin + seconds):
                await asyncio.sleep(5)
            return loop.time() - begin

        wanted = [0.02, 0.02, 0.15]
        took = await asyncio.gather(*map(wait, wanted))
        for seconds, passed in zip(wanted, took, strict=True):
            assert seconds <= passed < seconds + 0.1
        with deadlines.at(loop.time() + 0.02):
            pass
        await asyncio.sleep(0.05)  # nothing comes after it
        assert not deadlines._steps
        deadlines.close()

    asyncio.run(main())


def test_to_be_cancelled_is_no_timeout() -> None:
    async def main() -> None:
        deadlines = Deadlines()

        async def wait() -> None:
            with deadlines.at(asyncio.get_running_loop().time() + 60):
                await asyncio.sleep(5)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        deadlines.close()

    asyncio.run(main())
