"""Rules and routes of one address family that lead packets by their mark, and nothing else of that family.

    29800: not fwmark 0x5c500000/0xfff00000  goto 29803        nearly every packet: past all of this at once
    29801: fwmark 0x5c500001                 lookup 0x5c500001  one for each real
    29802: fwmark 0x5c500000/0xfff00000      unreachable        a mark without a table must not follow `main`:
    29803: nop                                                  the router would pass it to any load balancer

The marks 0x5c500001 to 0x5c5fffff, tables of the same numbers and the four priorities are vc5d's alone:
what a crash left in them is removed at the next start. `goto` and not `lookup main`, so that an
administrator's own rules keep their say for everything else.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Set
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..network.vlans import Place

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
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
_IS_GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, *_NO_SUCH_FAMILY)


class Rules:
    """Of `family`, AF_INET or AF_INET6, in the netlink socket's namespace."""

    def __init__(self, netlink: AsyncIPRoute, family: int) -> None:
        self._netlink = netlink
        self._family = family
        self._framed = False

    async def mend(self) -> set[int]:
        """Makes what is missing of the frame. The marks that have their rule."""
        rules = await self._ours()
        there = {rule.get("priority") for rule in rules}
        if self._framed and not there >= _FRAME.keys():
            log.warning("health.rules", missing="removed by somebody else; put back")
        await self._frame(there)
        self._framed = True
        return {rule.get("fwmark") for rule in rules if rule.get("priority") == PRIORITY + 1}

    async def add(self, mark: int) -> None:
        await self._rule("add", **_of(mark))

    async def lead(self, mark: int, real: str, place: Place) -> None:
        """Packets with this mark go to this real, whatever their destination."""
        await self._netlink.route(
            "replace",
            family=self._family,
            dst="default",
            gateway=place.gateway or real,
            oif=place.ifindex,
            table=mark,
            prefsrc=place.source,
            flags=["onlink"],
            proto=ROUTE_PROTOCOL,
            **({"metrics": {"mtu": place.mtu}} if place.mtu else {}),
        )

    async def remove(self, mark: int, has_rule: bool) -> None:
        await self._no_route(mark)
        if has_rule:
            await _gone(self._rule("del", **_of(mark)))

    async def flush(self) -> None:
        """Removes all of this. A kernel without the family has none."""
        for rule in await self._ours():
            if rule.get("priority") == PRIORITY + 1 and rule.get("table", 0) & MASK == BASE:
                await self._no_route(rule.get("table"))
            await _gone(self._rule("del", **_identity(rule)))
        self._framed = False

    async def _no_route(self, mark: int) -> None:
        """Whatever lies in a table of ours is ours. IPv4: protocol 0 and scope 255 match any."""
        any_of = {"proto": 0, "scope": _ANY_SCOPE} if self._family == socket.AF_INET else {"proto": 0}
        await _gone(self._netlink.route("del", family=self._family, dst="default", table=mark, **any_of))

    async def _frame(self, there: Set[int]) -> None:
        """Adds the rules that frame those of the marks, but for the priorities that are there."""
        for priority, rule in _FRAME.items():
            if priority not in there:
                await self._rule("add", priority=priority, **rule)

    async def _ours(self) -> list[Any]:
        """The rules of our priorities."""
        try:
            rules = [each async for each in await self._netlink.rule("dump", family=self._family)]
        except NetlinkError as failure:
            if failure.code in _NO_SUCH_FAMILY:
                return []
            raise
        return [rule for rule in rules if PRIORITY <= (rule.get("priority") or 0) <= _LAST]

    async def _rule(self, command: str, **rule: Any) -> None:
        await self._netlink.rule(command, family=self._family, **rule)


def _of(mark: int) -> dict[str, Any]:
    return {"priority": PRIORITY + 1, "fwmark": mark, "fwmask": 0xFFFFFFFF, "table": mark}


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
    if rule.get("goto"):
        result["FRA_GOTO"] = rule.get("goto")  # the kernel refuses a goto without a target, even here
    return result


async def _gone(deleting: Any) -> None:
    """Deleting what is gone already is no failure."""
    try:
        await deleting
    except NetlinkError as failure:
        if failure.code not in _IS_GONE:
            log.warning("health.path.left", error=failure)
