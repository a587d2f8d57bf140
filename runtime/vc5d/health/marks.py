"""The way to a VIP on one particular real: a mark on the socket, a rule for the mark, a table with one route.

The load balancer does not own the VIP, and the kernel sends a packet for it to whatever `default via REAL`
in the mark's table says: to that real's MAC, with the VIP as destination, as a client's packet would arrive.
rules.py has the rules; here is which real has which mark. A real behind a tunnel has one for each tunnel and
family of VIPs, under the name of that way (ways.py), and a gateway that leads there (tunnels.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Set

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..errors import Vc5Error
from ..network.vlans import Missing, Place
from .rules import BASE, MASK, Rules
from .target import Target

Ruled = dict[int, set[int]]  # address family -> the marks that have their rule


class Paths:
    """Keeps rules and tables equal to the places of the reals. One at a time in a network namespace. The
    rules of a family are there while it has had a real."""

    def __init__(self, netlink: AsyncIPRoute) -> None:
        self._rules = {family: Rules(netlink, family) for family in (socket.AF_INET, socket.AF_INET6)}
        self._marks: dict[str, int] = {}  # real -> mark; kept across reloads
        self._highest, self._free = BASE, list[int]()  # the last mark given out; those given back
        self._placed: dict[int, Place] = {}  # mark -> what its table says
        self._families: dict[str, socket.AddressFamily] = {}  # of each that has a mark
        self._missing: dict[str, str] = {}
        self._own: Set[str] = frozenset()
        self._one_at_a_time = asyncio.Lock()

    def target(self, real: str, vip: str) -> Target | str:
        """Where to aim at `vip` on `real`; or why that is not possible, in words."""
        if vip in self._own:
            return f"{vip} is an address of this host too: a check would ask this host itself"
        mark = self._marks.get(real)
        place = self._placed.get(mark) if mark is not None else None
        if mark is None or place is None:
            return self._missing.get(real, "no way to the real has been set up yet")
        if self._families[real] != _family(vip):
            return "VIP and real are of different address families, and there is no tunnel"
        return Target(vip, mark, place.source)

    def exclude(self, own: Set[str]) -> None:
        """The addresses of this host: the kernel's `local` table comes before any rule of ours."""
        self._own = own

    async def start(self) -> None:
        """Remove what a crash left behind; see that the kernel has what this needs. Raises Vc5Error."""
        try:
            await self._flush()
            await self._rules[socket.AF_INET].mend()
        except NetlinkError as failure:
            raise Vc5Error(
                f"cannot set up policy routing for health checks: {failure}",
                "the kernel needs CONFIG_IP_MULTIPLE_TABLES, and vc5d CAP_NET_ADMIN",
            ) from None

    async def stop(self) -> None:
        """Remove every rule and route."""
        async with self._one_at_a_time:
            await self._flush()
            self._marks.clear()
            self._placed.clear()
            self._families.clear()
            self._highest, self._free = BASE, []

    async def update(self, places: Mapping[str, Place | Missing], repair: bool = False) -> None:
        """Make rules and tables what `places` (real -> place) says. repair: write every route again, since
        the kernel removes those of an interface that goes down. Rules that somebody removed (systemd-networkd
        does, when it starts) come back in any case. One real's failure is logged and becomes the reason why
        it cannot be checked."""
        async with self._one_at_a_time:
            self._missing = {real: place.why for real, place in places.items() if isinstance(place, Missing)}
            ruled = await self._mend(places)
            for real in [real for real in self._marks if not isinstance(places.get(real), Place)]:
                await self._forget(real, ruled)
            for real, place in places.items():
                family = _family_by(real, place)
                if isinstance(place, Place) and family in ruled:
                    fresh = not repair and self._placed.get(self._marks.get(real, 0)) == place
                    await self._place(real, place, ruled[family], fresh)

    async def _mend(self, places: Mapping[str, Place | Missing]) -> Ruled:
        """Of the families that are in use, and that the kernel has."""
        families: set[socket.AddressFamily] = {socket.AF_INET, *self._families.values()}
        families |= {_family_by(real, place) for real, place in places.items() if isinstance(place, Place)}
        ruled: Ruled = {}
        for family in sorted(families):
            try:
                ruled[family] = await self._rules[family].mend()
            except NetlinkError as failure:
                if family == socket.AF_INET:
                    raise
                log.warning("health.rules", family="IPv6", error=failure)
                why = f"no policy routing for IPv6: {failure}"
                of_it = {real for real, place in places.items() if _family_by(real, place) == family}
                self._missing.update(dict.fromkeys(of_it, why))
        return ruled

    async def _place(self, real: str, place: Place, ruled: set[int], fresh: bool) -> None:
        """The rule first: flushing finds the tables by their rules. fresh: the route is there already."""
        mark = self._marks.get(real) or self._free_mark()
        self._marks[real] = mark
        self._families[real] = family = _family_by(real, place)
        rules = self._rules[family]
        try:
            if mark not in ruled:
                await rules.add(mark)
            if not fresh:
                await rules.lead(mark, real, place)
        except NetlinkError as failure:
            self._placed.pop(mark, None)
            self._missing[real] = f"no route through {place.ifname}: {failure}"
            log.warning("health.path", real=real, interface=place.ifname, error=failure)
            return
        self._placed[mark] = place

    def _free_mark(self) -> int:
        if self._free:
            return self._free.pop()
        self._highest += 1
        if self._highest & MASK != BASE:
            raise Vc5Error("more reals than there are marks for health checks", "at most 1,048,575 reals")
        return self._highest

    async def _forget(self, real: str, ruled: Ruled) -> None:
        mark = self._marks.pop(real)
        self._placed.pop(mark, None)
        family = self._families.pop(real)
        marks = ruled.get(family, set())
        await self._rules[family].remove(mark, mark in marks)
        marks.discard(mark)
        self._free.append(mark)

    async def _flush(self) -> None:
        for rules in self._rules.values():
            await rules.flush()


def _family_by(real: str, place: Place | Missing) -> socket.AddressFamily:
    """Of the packets that take this way: through a tunnel they are the VIP's."""
    gateway = place.gateway if isinstance(place, Place) else ""
    return _family(gateway or real)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
