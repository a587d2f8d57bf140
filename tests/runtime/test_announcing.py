"""When VIPs are decided about again."""

from __future__ import annotations

import asyncio
from typing import cast

from vc5d.announce.announcing import Announcing
from vc5d.announce.routes import Announcer
from vc5d.loop.supervise import cancel

WAITED = 0.5  # s


class Routes:
    """An Announcer without any."""

    announced: frozenset[str] = frozenset()

    async def announce(self, vips: frozenset[str], leaving: frozenset[str], *, trusting: bool) -> None:
        self.announced = vips


def test_a_change_waits_for_what_it_took_to_decide_but_not_for_what_others_did_meanwhile() -> None:
    async def main() -> None:
        loop, decided = asyncio.get_running_loop(), list[float]()

        async def wanted(_: frozenset[str]) -> tuple[frozenset[str], frozenset[str], float]:
            if not decided:
                announcing.changed()
            decided.append(loop.time())
            await asyncio.sleep(WAITED)  # the event loop is busy
            return frozenset(), frozenset(), 0.001

        announcing = Announcing(cast(Announcer, Routes()), wanted)
        announcing.changed()
        work = asyncio.create_task(announcing.for_ever())
        async with asyncio.timeout(10):
            while len(decided) < 2:
                await asyncio.sleep(0.01)
        await cancel(work)
        assert decided[1] - decided[0] < 2 * WAITED

    asyncio.run(main())
