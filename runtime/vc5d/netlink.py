"""The netlink socket that vc5d works with, and dumps that stay small on a host with a million routes.

The kernel filters a dump by table only for a socket that asks for strict checks (NETLINK_GET_STRICT_CHK,
Linux 4.20), and pyroute2 puts the table into the request only when it has no filter of its own to apply.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError


class _Netlink(AsyncIPRoute):  # type: ignore[misc]  # pyroute2 has no types
    """One request at a time: to a socket that asks for a second dump before it has read the first, the kernel
    answers EBUSY; and the answers to a thousand requests at once overflow its buffer, after which pyroute2
    never uses it again."""

    def __init__(self) -> None:
        super().__init__(strict_check=True)
        self._asking = asyncio.Lock()

    async def link(self, command: Any, **options: Any) -> Any:
        return await self._in_turn(super().link, command, **options)

    async def addr(self, command: Any, *args: Any, **options: Any) -> Any:
        return await self._in_turn(super().addr, command, *args, **options)

    async def neigh(self, command: Any, **options: Any) -> Any:
        return await self._in_turn(super().neigh, command, **options)

    async def route(self, command: Any, **options: Any) -> Any:
        return await self._in_turn(super().route, command, **options)

    async def rule(self, command: Any, **options: Any) -> Any:
        return await self._in_turn(super().rule, command, **options)

    async def _in_turn(self, ask: Callable[..., Any], command: Any, *args: Any, **options: Any) -> Any:
        async with self._asking:
            answer = await ask(command, *args, **options)
            if command != "dump":
                return answer
            messages = [message async for message in answer]
        return _each(messages)


async def _each(messages: list[Any]) -> AsyncIterator[Any]:
    for message in messages:
        yield message


def open_netlink() -> AsyncIPRoute:
    """An asynchronous context manager."""
    return _Netlink()


async def routes_of_table(netlink: AsyncIPRoute, table: int, family: int = socket.AF_INET) -> list[Any]:
    """The routes of one table and family, and only these pass through user space. A table that is not there
    has none."""
    try:
        dump = await netlink.route("dump", dump_filter=None, family=family, table=table)
        return [route async for route in dump if route.get("table") == table]
    except NetlinkError as failure:
        if failure.code == errno.ENOENT:
            return []
        raise
