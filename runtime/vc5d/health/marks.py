"""The way to a VIP on one particular real: a mark on the socket, a rule for the mark, a table with one route.

The load balancer does not own the VIP, and the kernel sends a packet for it to whatever `default via REAL`
in the mark's table says: to that real's MAC, with the VIP as destination, as a client's packet would arrive.

    29800: not fwmark 0x5c500000/0xfff00000  goto 29803        nearly every packet: past all of this at once
    29801: fwmark 0x5c500001                 lookup 0x5c500001  one for each real
    29802: fwmark 0x5c500000/0xfff00000      unreachable        a mark without a table must not follow `main`:
    29803: nop                                                  the router would pass it to any load balancer

The marks 0x5c500001 to 0x5c5fffff, tables of the same numbers and the four priorities are vc5d's alone:
what a crash left in them is removed at the next start. `goto` and not `lookup main`, so that an
administrator's own rules keep their say for everything else.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping, Set
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..errors import Vc5Error
from ..vlans import Missing, Place
from .target import Target

BASE = 0x5C500000
MASK = 0xFFF00000
PRIORITY = 29800
ROUTE_PROTOCOL = 205  # who made the route: vc5d (iproute2 prints the number)

_INVERT = 2  # FIB_RULE_INVERT: the rule is for packets that do not match
_LAST = PRIORITY + 3
_FRAME: Mapping[int, dict[str, Any]] = {  # by priority, in the order in which they are made
    _LAST: {"action": "FR_ACT_NOP"},
    PRIORITY + 2: {"fwmark": BASE, "fwmask": MASK, "action": "FR_ACT_UNREACHABLE"},
    PRIORITY: {
        "fwmark": BASE,
        "fwmask": MASK,
        "action": "FR_ACT_GOTO",
        "FRA_GOTO": _LAST,
        "flags": _INVERT,
    },
}
_ANY_SCOPE = 255  # RT_SCOPE_NOWHERE


class Paths:
    """Keeps rules and tables equal to the places of the reals. One at a time in a network namespace."""

    def __init__(self, netlink: AsyncIPRoute) -> None:
        self._netlink = netlink
        self._marks: dict[str, int] = {}  # real -> mark; kept across reloads
        self._highest, self._free = BASE, list[int]()  # the last mark given out; those given back
        self._placed: dict[int, Place] = {}  # mark -> what its table says
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
        return Target(vip, mark, place.source)

    def exclude(self, own: Set[str]) -> None:
        """The addresses of this host: the kernel's `local` table comes before any rule of ours."""
        self._own = own

    async def start(self) -> None:
        """Remove what a crash left behind, then set the frame of rules. Raises Vc5Error."""
        try:
            await self._flush()
            await self._frame()
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
            self._highest, self._free = BASE, []

    async def update(self, places: Mapping[str, Place | Missing], repair: bool = False) -> None:
        """Make rules and tables what `places` (real -> place) says. repair: write every route again, since
        the kernel removes those of an interface that goes down. Rules that somebody removed (systemd-networkd
        does, when it starts) come back in any case. One real's failure is logged and becomes the reason why
        it cannot be checked."""
        async with self._one_at_a_time:
            self._missing = {real: place.why for real, place in places.items() if isinstance(place, Missing)}
            ruled = await self._mend_rules()
            for real in [real for real in self._marks if not isinstance(places.get(real), Place)]:
                mark = self._marks.pop(real)
                await self._forget(mark, ruled)
                ruled.discard(mark)
                self._free.append(mark)
            for real, place in places.items():
                if isinstance(place, Place):
                    fresh = not repair and self._placed.get(self._marks.get(real, 0)) == place
                    await self._place(real, place, ruled, fresh)

    async def _place(self, real: str, place: Place, ruled: set[int], fresh: bool) -> None:
        """The rule first: flushing finds the tables by their rules. fresh: the route is there already."""
        mark = self._marks.get(real) or self._free_mark()
        self._marks[real] = mark
        try:
            if mark not in ruled:
                await self._netlink.rule(
                    "add", priority=PRIORITY + 1, fwmark=mark, fwmask=0xFFFFFFFF, table=mark
                )
            if not fresh:
                await self._netlink.route(
                    "replace",
                    dst="default",
                    gateway=real,
                    oif=place.ifindex,
                    table=mark,
                    prefsrc=place.source,
                    flags=["onlink"],
                    proto=ROUTE_PROTOCOL,
                )
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

    async def _forget(self, mark: int, ruled: set[int]) -> None:
        self._placed.pop(mark, None)
        await self._no_route(mark)
        if mark in ruled:
            rule = {"priority": PRIORITY + 1, "fwmark": mark, "fwmask": 0xFFFFFFFF, "table": mark}
            await _gone(self._netlink.rule("del", **rule))

    async def _no_route(self, mark: int) -> None:
        """Protocol 0 and scope 255 match any: whatever lies in a table of ours is ours."""
        await _gone(
            self._netlink.route(
                "del", family=socket.AF_INET, dst="default", table=mark, proto=0, scope=_ANY_SCOPE
            )
        )

    async def _frame(self, there: Set[int] = frozenset()) -> None:
        """Adds the rules that frame those of the marks, but for the priorities that are there."""
        for priority, rule in _FRAME.items():
            if priority not in there:
                await self._netlink.rule("add", priority=priority, **rule)

    async def _flush(self) -> None:
        for rule in await self._rules():
            if rule.get("priority") == PRIORITY + 1 and rule.get("table", 0) & MASK == BASE:
                await self._no_route(rule.get("table"))
            await _gone(self._netlink.rule("del", **_identity(rule)))

    async def _rules(self) -> list[Any]:
        """Those of our priorities."""
        rules = [each async for each in await self._netlink.get_rules(family=socket.AF_INET)]
        return [rule for rule in rules if PRIORITY <= (rule.get("priority") or 0) <= _LAST]

    async def _mend_rules(self) -> set[int]:
        """Puts back what is missing of the frame. The marks that have their rule."""
        rules = await self._rules()
        there = {rule.get("priority") for rule in rules}
        if not there >= _FRAME.keys():
            log.warning("health.rules", missing="removed by somebody else; put back")
            await self._frame(there)
        return {rule.get("fwmark") for rule in rules if rule.get("priority") == PRIORITY + 1}


def _identity(rule: Any) -> dict[str, Any]:
    """What deletes exactly this rule."""
    result: dict[str, Any] = {
        "priority": rule.get("priority"),
        "action": rule["action"],
        "flags": rule["flags"] & _INVERT,
    }
    for name in ("fwmark", "fwmask", "table"):
        if rule.get(name):
            result[name] = rule.get(name)
    if rule.get("FRA_GOTO"):
        result["FRA_GOTO"] = rule.get("FRA_GOTO")  # the kernel refuses a goto without a target, even here
    return result


async def _gone(deleting: Any) -> None:
    """Deleting what is gone already is no failure."""
    try:
        await deleting
    except NetlinkError as failure:
        if failure.code not in (errno.ENOENT, errno.ESRCH, errno.ENODEV):
            log.warning("health.path.left", error=failure)
