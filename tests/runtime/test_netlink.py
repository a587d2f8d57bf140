"""The netlink socket that all parts of vc5d share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import wire as wires
from vc5d.network.netlink import open_netlink, routes_of_table
from wire import Wire

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


def test_dumps_that_meet_wait_for_each_other(wire: Wire) -> None:
    """Without, one of a few hundred fails with EBUSY: a VIP's withdrawal late, or a reload that fails."""

    async def main() -> None:
        async with open_netlink() as netlink:

            async def rules() -> None:
                assert [each async for each in await netlink.get_rules(family=socket.AF_INET)]

            async def neighbors() -> None:
                [each async for each in await netlink.get_neighbours(family=socket.AF_INET)]

            async def addresses() -> None:
                assert [each async for each in await netlink.get_addr(family=socket.AF_INET)]

            async def routes() -> None:
                assert await routes_of_table(netlink, 255)

            for _ in range(100):
                await asyncio.gather(rules(), neighbors(), addresses(), routes(), neighbors())

    asyncio.run(main())
