"""The MACs of the reals: asked for, followed by netlink, and passed on as they change.

A MAC that the document gives is pinned: the live entry does not overrule it. A real that stops answering ARP
or neighbor solicitations keeps its last MAC, since health checks decide whether it gets traffic; so one lost
answer costs nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV4_RULE,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_IPV6_RULE,
    RTMGRP_LINK,
    RTMGRP_NEIGH,
)
from pyroute2.netlink.rtnl.ndmsg import (
    NUD_DELAY,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
)

from .. import log
from ..loop.supervise import Failed, only_log, start
from .questions import Questions
from .vlans import Missing, Place, Places

_EVENTS = (
    RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_RULE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_RULE
)
_USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP
_UNTIL_ASKED_AGAIN = 1.0  # s, for those that are not known
_UNTIL_CONFIRMED_AGAIN = 10  # rounds of the above, for all

Link = tuple[str, str | None, int]  # real, MAC, VLAN id (0: untagged)
SetLinks = Callable[[list[Link]], Awaitable[None]]
Moved = Callable[[], None]


class Neighbors:
    """`set_links` is called with what is known of each real, and whenever that changes; `moved` when an
    interface or an address of this host came or went, or a routing rule went, so that the places have to be
    found again; `failed` when nothing is followed any more, which is a defect."""

    def __init__(
        self, netlink: AsyncIPRoute, set_links: SetLinks, moved: Moved, failed: Failed = only_log
    ) -> None:
        self._netlink = netlink
        self._questions = Questions(netlink)
        self._set_links = set_links
        self._moved = moved
        self._failed = failed
        self._places: dict[str, Place] = {}
        self._pinned: dict[str, str] = {}
        self._learned: dict[str, str] = {}  # real -> MAC, the last that was known
        self._resolved: set[str] = set()  # those whose entry is usable just now
        self._given: set[str] = set()  # those whose entry somebody else made, and no ARP changes
        self._contradicted: dict[str, str] = {}  # real -> MAC, another than the pinned; what has been logged
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            start(self._listen(await _events()), self._failed, "neighbor events"),
            start(self._ask_for_ever(), self._failed, "neighbor questions"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def resolved(self, real: str) -> bool:
        """True while the kernel has a usable entry, or the document pins the MAC."""
        return real in self._resolved or real in self._pinned

    def unasked(self, real: str) -> bool:
        """True while the kernel cannot ask for it, for want of room: this host's fault."""
        return real in self._questions.unasked and not self.resolved(real)

    def mac(self, real: str) -> str | None:
        return self._pinned.get(real) or self._learned.get(real)

    async def doubt(self, real: str) -> None:
        """Its checks fail: perhaps it answers at another MAC now, of which it has told nobody. The kernel
        would only find out when its entry grows old, and would ask the old MAC first. So the entry goes, and
        everyone is asked. Traffic keeps the last MAC meanwhile."""
        place = self._places.get(real)
        if place is None or real in self._given or real not in self._resolved:
            return
        try:
            await self._netlink.neigh("del", dst=real, ifindex=place.ifindex)
        except (OSError, NetlinkError) as failure:
            log.debug("neighbor.doubt", real=real, error=failure)
        await self._ask([real])

    async def follow(self, places: Places, pinned: Mapping[str, str]) -> None:
        """Follow exactly these reals from now on, and pass on at once what is known of each."""
        self._places = {real: place for real, place in places.items() if not isinstance(place, Missing)}
        self._pinned = dict(pinned)
        self._learned = {real: mac for real, mac in self._learned.items() if real in self._places}
        self._resolved &= self._places.keys()
        self._questions.keep(self._places)
        await self._read_all()
        self._tell_contradictions()
        await self._set_links([(real, self.mac(real), place.vlan) for real, place in self._places.items()])
        await self._ask([real for real in self._places if real not in self._resolved])

    async def _read_all(self) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            for message in [each async for each in await self._netlink.neigh("dump", family=family)]:
                self._learn(message)

    def _learn(self, message: Any) -> str | None:
        """Take in one entry; the real's address if its MAC has changed."""
        real = message.get("dst")
        place = self._places.get(real)
        if place is None or message["ifindex"] != place.ifindex:
            return None
        mac = message.get("lladdr")
        if message.get("event") == "RTM_DELNEIGH" or not message["state"] & _USABLE or not mac:
            self._resolved.discard(real)
            return None
        self._resolved.add(real)
        (self._given.add if message["state"] & (NUD_PERMANENT | NUD_NOARP) else self._given.discard)(real)
        if self._learned.get(real) == mac:
            return None
        self._learned[real] = mac
        return str(real)

    async def _listen(self, events: AsyncIPRoute) -> None:
        """Of lost events (a full socket buffer, after which pyroute2 needs a new socket) those of neighbors
        cost little: the periodic questions read all entries again. What else was lost is looked for at
        once."""
        while True:
            try:
                async with events:
                    while True:
                        async for message in events.get():
                            await self._take(message)
            except (OSError, NetlinkError) as failure:
                log.warning("neighbor.events", error=_in_words(failure))
            await asyncio.sleep(_UNTIL_ASKED_AGAIN)
            events = await _events()
            self._moved()

    async def _take(self, message: Any) -> None:
        event = message["event"]
        if not event.endswith("NEIGH"):
            if event != "RTM_NEWRULE" and not _of_a_link_only(message):  # such rules are vc5d's own, mostly
                self._moved()
            return
        real = self._learn(message)
        if real is not None:
            await self._pass_on(real)

    async def _pass_on(self, real: str) -> None:
        log.info("neighbor.mac", real=real, mac=self._learned[real], pinned=self._pinned.get(real, "no"))
        self._tell_contradictions()
        await self._set_links([(real, self.mac(real), self._places[real].vlan)])

    def _tell_contradictions(self) -> None:
        """Health checks go to the MAC that ARP says and traffic to the pinned one: a wrong one shows in no
        check."""
        contradicted = {
            real: self._learned[real]
            for real, pinned in self._pinned.items()
            if self._learned.get(real, pinned).lower() != pinned.lower()
        }
        for real, mac in contradicted.items():
            if self._contradicted.get(real) != mac:
                log.warning(
                    "neighbor.contradicted",
                    real=real,
                    pinned=self._pinned[real],
                    answers=mac,
                    traffic="goes to the pinned MAC: correct it in `neighbors`, or leave it out",
                )
        self._contradicted = contradicted

    async def _ask_for_ever(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(_UNTIL_ASKED_AGAIN)
            rounds += 1
            everyone = rounds % _UNTIL_CONFIRMED_AGAIN == 0
            try:
                if everyone:
                    await self._catch_up()
                await self._ask([real for real in self._places if everyone or real not in self._resolved])
            except (OSError, NetlinkError) as failure:
                log.warning("neighbor.questions", error=failure)

    async def _catch_up(self) -> None:
        before = dict(self._learned)
        await self._read_all()
        for real in [real for real, mac in self._learned.items() if before.get(real) != mac]:
            await self._pass_on(real)

    async def _ask(self, reals: list[str]) -> None:
        await self._questions.ask((real, self._places[real]) for real in reals if real in self._places)


async def _events() -> AsyncIPRoute:
    events = AsyncIPRoute()
    await events.bind(_EVENTS)
    return events


def _in_words(failure: OSError | NetlinkError) -> str:
    """pyroute2 raises the bare number of an error."""
    number = failure.args[0] if failure.args else None
    return os.strerror(number) if isinstance(number, int) else str(failure)


def _of_a_link_only(message: Any) -> bool:
    """An address fe80::…, which every interface makes itself and no real is found by."""
    return message["event"].endswith("ADDR") and str(message.get("address")).startswith("fe80:")
