"""The announced VIPs: a route each in a private table, which BIRD learns and exports by BGP.

`ip route show table 205`: one /32 for each healthy VIP, protocol 205, to the TUN device. Whatever else of
that protocol lies in the table is stale and removed. If vc5d dies, the device goes and the kernel takes the
routes along.
"""

from __future__ import annotations

import asyncio
import socket

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from . import log
from .errors import Vc5Error
from .netlink import routes_of_table
from .tun import Tun

ANNOUNCE = 205  # the route's protocol, which BIRD's filter looks at (krt_source)
SHUTDOWN = 206  # the same, but announced with GRACEFUL_SHUTDOWN (RFC 8326)


class Announcer:
    """Keeps table `table` equal to the VIPs to announce. `announced` is what lies there now."""

    def __init__(self, netlink: AsyncIPRoute, tun_name: str, table: int) -> None:
        """Makes the device; raises Vc5Error when it cannot."""
        self._netlink = netlink
        self._tun = Tun(tun_name)
        self._ifindex = socket.if_nametoindex(tun_name)
        self._table = table
        self._one_at_a_time = asyncio.Lock()
        self.announced: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Set the device up and clear the table of leftovers."""
        try:
            await self._netlink.link("set", index=self._ifindex, state="up")
            await self.announce(frozenset())
        except NetlinkError as failure:
            raise Vc5Error(
                f"cannot use the device {self._tun.name}: {failure}", "vc5d needs CAP_NET_ADMIN"
            ) from None

    async def stop(self) -> None:
        """Withdraw everything. Closing the device would do, but BIRD sees a deleted route sooner."""
        try:
            await self.announce(frozenset())
        except NetlinkError as failure:
            log.warning("announce.withdraw", error=failure)
        self._tun.close()

    async def mend(self) -> None:
        """Somebody set the device down, and with that all routes are gone. Raises NetlinkError when the
        device is gone itself: only a new start makes another."""
        await self._netlink.link("set", index=self._ifindex, state="up")

    async def announce(self, vips: frozenset[str]) -> None:
        """Make the table hold exactly `vips` (IPv4 addresses), whatever was there before."""
        async with self._one_at_a_time:
            there = await self._read()
            for vip in sorted(there - vips):
                await self._route("del", vip)
            for vip in sorted(vips - there):
                await self._route("replace", vip)
            for vip in sorted(vips - self.announced):
                log.info("announce", vip=vip)
            for vip in sorted(self.announced - vips):
                log.info("withdraw", vip=vip)
            self.announced = vips

    async def _route(self, command: str, vip: str) -> None:
        await self._netlink.route(
            command, dst=f"{vip}/32", oif=self._ifindex, table=self._table, proto=ANNOUNCE, scope="link"
        )

    async def _read(self) -> frozenset[str]:
        """The VIPs whose route is there as it should be; a stale one of ours to another device is deleted."""
        found: set[str] = set()
        for route in await routes_of_table(self._netlink, self._table):
            if route["proto"] not in (ANNOUNCE, SHUTDOWN):
                continue
            prefix = f"{route.get('dst')}/{route['dst_len']}"
            if route.get("oif") == self._ifindex and route["proto"] == ANNOUNCE and route["dst_len"] == 32:
                found.add(route.get("dst"))
            else:
                await self._netlink.route(
                    "del", dst=prefix, table=self._table, proto=route["proto"], scope=route["scope"]
                )
        return frozenset(found)
