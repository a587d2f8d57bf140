"""The announced VIPs: a route each in a private table, which BIRD learns and exports by BGP.

`ip route show table 205` and `ip -6 …`: one /32 or /128 for each healthy VIP, protocol 205, to the TUN
device; protocol 206 for one that is about to go, which BIRD announces with GRACEFUL_SHUTDOWN (RFC 8326).
Whatever else of these protocols lies in the table is stale and removed. If vc5d dies, the device goes and
the kernel takes the routes along.

Why no other driver, such as BGP spoken by vc5d itself: of the libraries ExaBGP is a daemon whose child vc5d
would have to be, with BGP that outlives a vc5d which hangs, and os-ken's speaker needs eventlet's patched
sockets in place of asyncio. Neither has BFD, without which a dead load balancer keeps its share of the
traffic for a hold time. FRR imports the table of IPv4 alone, and keeps its routes when the device is gone
(8.4.4, tried), which is what they are tied to the device for.
"""

from __future__ import annotations

import asyncio
import socket

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..errors import Vc5Error
from ..network.netlink import routes_of_table
from .tun import Tun

ANNOUNCE = 205  # the route's protocol, which BIRD's filter looks at (krt_source)
SHUTDOWN = 206  # the same, but announced with GRACEFUL_SHUTDOWN (RFC 8326)
_LENGTHS: dict[int, int] = {socket.AF_INET: 32, socket.AF_INET6: 128}  # of a VIP's prefix, by family


class Announcer:
    """Keeps table `table` equal to the VIPs to announce. `announced` is what lies there now, `leaving` those
    of them that are announced with GRACEFUL_SHUTDOWN."""

    def __init__(
        self, netlink: AsyncIPRoute, tun_name: str, table: int, descriptor: int | None = None
    ) -> None:
        """Makes the device, or takes over that of the vc5d before, by its descriptor. Raises Vc5Error when it
        cannot."""
        self._netlink = netlink
        self._tun = Tun(tun_name, descriptor=descriptor)
        self._ifindex = socket.if_nametoindex(tun_name)
        self._table = table
        self._one_at_a_time = asyncio.Lock()
        self.announced: frozenset[str] = frozenset()
        self.leaving: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Set the device up and clear the table of leftovers. What a device that was taken over has stays
        announced until the health of its VIPs says otherwise."""
        try:
            await self._netlink.link("set", index=self._ifindex, state="up")
            if self._tun.adopted:
                await self._adopt()
            else:
                await self.announce(frozenset())
        except NetlinkError as failure:
            raise Vc5Error(
                f"cannot use the device {self._tun.name}: {failure}", "vc5d needs CAP_NET_ADMIN"
            ) from None

    async def stop(self) -> None:
        """Withdraw everything. Closing the device would do, but BIRD sees a deleted route sooner. After
        `leave`: nothing."""
        if self._tun.fileno() < 0:
            return
        try:
            await self.announce(frozenset())
        except NetlinkError as failure:
            log.warning("announce.withdraw", error=failure)
        self._tun.close()

    async def _adopt(self) -> None:
        for family in _LENGTHS:
            there = await self._read(family)
            self.announced |= there.keys()
            self.leaving |= {vip for vip, protocol in there.items() if protocol == SHUTDOWN}
        log.info("announce.adopted", vips=len(self.announced), device=self._tun.name)

    def fileno(self) -> int:
        """The device's descriptor."""
        return self._tun.fileno()

    def leave(self) -> None:
        """What is announced stays, for whoever else has the descriptor."""
        self._tun.close()

    async def mend(self) -> None:
        """Somebody set the device down, and with that all routes are gone. Raises NetlinkError when the
        device is gone itself: only a new start makes another."""
        await self._netlink.link("set", index=self._ifindex, state="up")

    async def announce(
        self, vips: frozenset[str], leaving: frozenset[str] = frozenset(), *, trusting: bool = False
    ) -> None:
        """Make the table hold exactly `vips`, whatever was there before; those also in `leaving` with
        GRACEFUL_SHUTDOWN. trusting: what is there is what the last call left: reading a thousand routes takes
        longer than a change of one may. A family that the kernel refuses does not keep the other one back;
        its NetlinkError is raised in the end."""
        failure: NetlinkError | None = None
        async with self._one_at_a_time:
            if trusting and (vips, leaving) == (self.announced, self.leaving):
                return
            for family in _LENGTHS:
                own = {vip for vip in vips if _family(vip) == family}
                try:
                    there = self._known(family) if trusting else await self._read(family)
                    await self._make(
                        family, there, {vip: SHUTDOWN if vip in leaving else ANNOUNCE for vip in own}
                    )
                except NetlinkError as refused:
                    failure = failure or refused
        if failure:
            raise failure

    def _known(self, family: int) -> dict[str, int]:
        """As `_read`, from memory."""
        return {
            vip: SHUTDOWN if vip in self.leaving else ANNOUNCE
            for vip in self.announced
            if _family(vip) == family
        }

    async def _make(self, family: int, there: dict[str, int], wanted: dict[str, int]) -> None:
        """The table's part of one family: VIP -> protocol of its route."""
        for vip in sorted(there.keys() - wanted):
            await self._route("del", vip, there[vip])
        for vip in sorted(wanted):
            if there.get(vip) != wanted[vip]:
                await self._route("replace", vip, wanted[vip])
        self._tell(family, wanted)

    def _tell(self, family: int, wanted: dict[str, int]) -> None:
        """Log what is new of one family, and keep it."""
        before = {vip for vip in self.announced if _family(vip) == family}
        leaving = {vip for vip, protocol in wanted.items() if protocol == SHUTDOWN}
        for vip in sorted(wanted.keys() - before):
            log.info("announce", vip=vip)
        for vip in sorted(leaving - self.leaving):
            log.info("announce.leaving", vip=vip, community="GRACEFUL_SHUTDOWN")
        for vip in sorted(before - wanted.keys()):
            log.info("withdraw", vip=vip)
        self.announced = self.announced - before | wanted.keys()
        self.leaving = self.leaving - before | leaving

    async def _route(self, command: str, vip: str, protocol: int) -> None:
        await self._netlink.route(
            command,
            dst=f"{vip}/{_LENGTHS[_family(vip)]}",
            oif=self._ifindex,
            table=self._table,
            proto=protocol,
            **({} if ":" in vip else {"scope": "link"}),
        )

    async def _read(self, family: int) -> dict[str, int]:
        """VIP -> protocol, where the route is as it should be; a stale one of ours to another device is
        deleted."""
        found: dict[str, int] = {}
        for route in await routes_of_table(self._netlink, self._table, family):
            if route["proto"] not in (ANNOUNCE, SHUTDOWN):
                continue
            prefix = f"{route.get('dst')}/{route['dst_len']}"
            if route.get("oif") == self._ifindex and route["dst_len"] == _LENGTHS[family]:
                found[route.get("dst")] = route["proto"]
            else:
                await self._netlink.route(
                    "del", dst=prefix, table=self._table, proto=route["proto"], scope=route["scope"]
                )
        return found


def _family(vip: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in vip else socket.AF_INET
