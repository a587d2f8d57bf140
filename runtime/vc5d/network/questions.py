"""Questions to the kernel for a neighbor's MAC, and which of them it would not take."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ndmsg import NTF_USE

from .. import log
from .vlans import Place

_FULL = "the kernel's neighbor table has no room: sysctl net.ipv4.neigh.default.gc_thresh3 (ipv6 likewise)"


class Questions:
    """unasked: reals of which the kernel could not even ask, since its table of neighbors is full. It is one
    table for all interfaces and namespaces of a host: that such a real is not resolved is this host's fault,
    and says nothing of the real."""

    def __init__(self, netlink: AsyncIPRoute) -> None:
        self._kernel = netlink.neigh
        self.unasked: set[str] = set()

    async def ask(self, places: Iterable[tuple[str, Place]]) -> None:
        """NTF_USE: as if a packet were sent. An unknown entry is resolved, a stale one confirmed, by the
        kernel's own ARP or neighbor discovery; a fresh one is left alone."""
        before = bool(self.unasked)
        for real, place in places:
            try:
                await self._kernel("replace", dst=real, ifindex=place.ifindex, flags=NTF_USE, state=0)
            except NetlinkError as failure:
                (self.unasked.add if failure.code == errno.ENOBUFS else self.unasked.discard)(real)
                log.debug("neighbor.question", real=real, error=failure)
            except OSError as failure:
                log.debug("neighbor.question", real=real, error=failure)
            else:
                self.unasked.discard(real)
        if bool(self.unasked) != before:
            self._tell()

    def keep(self, reals: Iterable[str]) -> None:
        """All others are forgotten."""
        self.unasked.intersection_update(reals)

    def _tell(self) -> None:
        if self.unasked:
            log.warning("neighbor.full", reals=len(self.unasked), error=_FULL)
        else:
            log.info("neighbor.room")
