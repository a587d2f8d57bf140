"""What the data path is told about traffic: which VIPs answer echo requests, whom to block, how loaded reals
are.

The echo answers follow health, the block lists the document, and the loads of least connections the sessions
that the data path itself has sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import log
from .document import Document, ServiceKey
from .errors import Vc5Error
from .plane import Dataplane, PlaneThread

Sessions = Mapping[tuple[ServiceKey, str], float]
Sum = Callable[[Sessions], Sessions]
SCALE = 1000  # of loads: sessions for a real's weight, which are compared as integers


class Traffic:
    """One of it, for as long as the daemon runs."""

    def __init__(self, plane: PlaneThread, dataplane: Dataplane, fleet: Sum = dict) -> None:
        """fleet: what other load balancers have added to this one's sessions."""
        self._plane, self._dataplane, self._fleet = plane, dataplane, fleet
        self._up: dict[str, bool] = {}
        self._balanced: dict[ServiceKey, Mapping[str, int]] = {}  # by least connections: weights

    async def follow(self, document: Document) -> None:
        """From now on this document, which is live. Raises Vc5Error."""
        self._up = {vip: up for vip, up in self._up.items() if vip in set(document.vips)}
        self._balanced = {
            key: {address: real.weight for address, real in service.reals.items() if real.weight}
            for key, service in document.services.items()
            if service.leastconn
        }
        await self._plane.do(self._dataplane.set_block, document.blocked)

    async def every_second(self, up: Mapping[str, bool]) -> None:
        """up: for each VIP, whether it is."""
        await self._plane.do(self._tell, dict(up))
        if self._balanced:
            sessions = self._fleet(await self._plane.do(self._dataplane.sessions, list(self._balanced)))
            await self._plane.do(self._dataplane.set_loads, self._loads(sessions))

    def _loads(self, sessions: Sessions) -> Sessions:
        return {
            (key, address): sessions.get((key, address), 0) * SCALE / weight
            for key, weights in self._balanced.items()
            for address, weight in weights.items()
        }

    def _tell(self, up: dict[str, bool]) -> None:
        for vip in [vip for vip in up if self._up.get(vip) != up[vip]]:
            try:
                self._dataplane.set_vip(vip, up[vip])
            except Vc5Error as failure:  # the document changed meanwhile
                log.debug("dataplane.refused", arguments=vip, error=failure.message)
            else:
                self._up[vip] = up[vip]
