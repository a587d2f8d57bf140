"""The netlink socket that vc5d works with, and dumps that stay small on a host with a million routes.

The kernel filters a dump by table only for a socket that asks for strict checks (NETLINK_GET_STRICT_CHK,
Linux 4.20), and pyroute2 puts the table into the request only when it has no filter of its own to apply.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from . import rtnetlink


class _Netlink(AsyncIPRoute):  # type: ignore[misc]  # pyroute2 has no types
    """One request at a time: the answers to a thousand at once overflow the socket's buffer, after which
    pyroute2 never uses it again. A dump is read in another thread, by a socket of its own; and what there may
    be thousands of not by pyroute2 (rtnetlink.py)."""

    def __init__(self) -> None:
        super().__init__(strict_check=True)
        self._asking = asyncio.Lock()

    async def link(self, command: Any, **options: Any) -> Any:
        return await self._in_turn("link", command, options)

    async def addr(self, command: Any, **options: Any) -> Any:
        return await self._in_turn("addr", command, options)

    async def neigh(self, command: Any, **options: Any) -> Any:
        return await self._in_turn("neigh", command, options)

    async def route(self, command: Any, **options: Any) -> Any:
        return await self._in_turn("route", command, options)

    async def rule(self, command: Any, **options: Any) -> Any:
        return await self._in_turn("rule", command, options)

    async def _in_turn(self, what: str, command: Any, options: dict[str, Any]) -> Any:
        if command == "dump":
            return _each(await asyncio.to_thread(_dump, what, options))
        async with self._asking:
            return await getattr(super(), what)(command, **options)


def _dump(what: str, options: dict[str, Any]) -> list[Any]:
    """All messages. Of what there are many `family` and `table` choose: pyroute2's own filters do not."""
    if what in rtnetlink.KINDS:
        return list(rtnetlink.dump(what, options.get("family", 0), options.get("table", 0)))

    async def ask() -> list[Any]:
        async with AsyncIPRoute(strict_check=True) as own:
            return [message async for message in await getattr(own, what)("dump", **options)]

    return asyncio.run(ask())


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
