"""The netlink socket that vc5d works with, and dumps that stay small on a host with a million routes.

The kernel filters a dump by table only for a socket that asks for strict checks (NETLINK_GET_STRICT_CHK,
Linux 4.20), and pyroute2 puts the table into the request only when it has no filter of its own to apply.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError


def open_netlink() -> AsyncIPRoute:
    """An asynchronous context manager."""
    return AsyncIPRoute(strict_check=True)


async def routes_of_table(netlink: AsyncIPRoute, table: int) -> list[Any]:
    """The IPv4 routes of one table, and only these pass through user space. A table that is not there has
    none."""
    try:
        dump = await netlink.route("dump", dump_filter=None, family=socket.AF_INET, table=table)
        return [route async for route in dump if route.get("table") == table]
    except NetlinkError as failure:
        if failure.code == errno.ENOENT:
            return []
        raise
