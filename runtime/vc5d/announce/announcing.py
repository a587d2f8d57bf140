"""When the VIPs are announced: soon after something has changed, and now and then in any case.

What it takes for a VIP to be healthy is in health/verdict.py, how its route is made in routes.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..systemd.handover import hand_over
from .routes import Announcer

_AT_MOST_EVERY = 0.01  # s: many reals change at once
_SHARE = 4  # to decide about a thousand VIPs takes some milliseconds: at most one part in so many of the time
_AFTER_A_FAILURE = 0.5  # s
_ROUTES_READ_AGAIN = 10.0  # s: puts back what others deleted


Wanted = Callable[[frozenset[str]], Awaitable[tuple[frozenset[str], frozenset[str], float]]]


class Announcing:
    """wanted: given the VIPs that are announced, those that should be, those of them that are leaving, and
    the seconds that it took to decide: not those in which it waited for a busy event loop, or changes would
    come late just when there are many. Without an announcer nothing is. grace: seconds between saying that
    all leave and withdrawing them."""

    def __init__(self, announcer: Announcer | None, wanted: Wanted, grace: float = 0.0) -> None:
        self._announcer = announcer
        self._wanted = wanted
        self._grace = grace
        self._changed = asyncio.Event()
        self._failure = ""  # what has been logged
        self._handed_over = False
        self._read_at = -_ROUTES_READ_AGAIN
        self._took = 0.0  # s, to decide

    @property
    def handed_over(self) -> bool:
        """The next vc5d has what is announced."""
        return self._handed_over

    @property
    def announced(self) -> frozenset[str]:
        return self._announcer.announced if self._announcer else frozenset()

    def changed(self) -> None:
        """A VIP may have become healthy or sick."""
        self._changed.set()

    def look_again(self) -> None:
        """The routes that are there may be others."""
        self._read_at = -_ROUTES_READ_AGAIN
        self.changed()

    async def hand_over(self) -> None:
        """At the end: if this is a restart, the next vc5d has what is announced."""
        if self._announcer:
            self._handed_over = await hand_over(self._announcer.fileno())

    async def stop(self) -> None:
        """Say that all of them leave (RFC 8326), so that routers find other ways; then withdraw them. After
        handing over: nothing of it."""
        announcer = self._announcer
        if announcer is None:
            return
        if self._handed_over:
            log.info("announce.kept", vips=len(announcer.announced), until="the next vc5d has started")
            announcer.leave()
            return
        if self._grace and announcer.announced:
            try:
                await announcer.announce(announcer.announced, leaving=announcer.announced)
                await asyncio.sleep(self._grace)
            except (NetlinkError, OSError) as failure:
                log.warning("announce.leaving", error=failure)
        await announcer.stop()

    async def for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUTES_READ_AGAIN):
                    await self._changed.wait()
            self._changed.clear()
            if self._announcer:
                await self._announce(self._announcer)
            await asyncio.sleep(max(_AT_MOST_EVERY, _SHARE * self._took))

    async def _announce(self, announcer: Announcer) -> None:
        now = asyncio.get_running_loop().time()
        trusting = now - self._read_at < _ROUTES_READ_AGAIN
        try:
            vips, leaving, self._took = await self._wanted(announcer.announced)
            await announcer.announce(vips, leaving, trusting=trusting)
            self._failure = ""
            self._read_at = self._read_at if trusting else now
        except (NetlinkError, OSError) as failure:
            if str(failure) != self._failure:  # else it would be said twice a second
                log.error("announce.failed", error=failure, then="set the device up, and again")
            self._failure, self._read_at = str(failure), -_ROUTES_READ_AGAIN
            await announcer.mend()
            self.changed()
            await asyncio.sleep(_AFTER_A_FAILURE)
