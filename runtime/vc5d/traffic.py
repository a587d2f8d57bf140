"""What the data path is told about traffic: which VIPs answer echo requests, whom to block, how loaded reals
are.

The echo answers follow health, the block lists the document, and the loads of least connections the sessions
that the data path itself has sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import log
from .document import Document, Service, ServiceKey
from .errors import Vc5Error
from .fleet.relief import most_loaded
from .plane import Dataplane, PlaneThread

Sessions = Mapping[tuple[ServiceKey, str], float]
Sum = Callable[[Sessions], Sessions]
Able = Callable[[ServiceKey], Iterable[str]]
SCALE = 1000  # of loads: sessions for a real's weight, which are compared as integers


class Traffic:
    """One of it, for as long as the daemon runs."""

    def __init__(self, plane: PlaneThread, dataplane: Dataplane, fleet: Sum = dict) -> None:
        """fleet: what other load balancers have added to this one's sessions."""
        self._plane, self._dataplane, self._fleet = plane, dataplane, fleet
        self._up: dict[str, bool] = {}
        self._balanced: dict[ServiceKey, Mapping[str, int]] = {}  # by least connections: weights
        self._relieved: dict[ServiceKey, Service] = {}  # with `overload`
        self._out: dict[ServiceKey, str] = {}

    async def follow(self, document: Document) -> None:
        """From now on this document, which is live. Raises Vc5Error."""
        vips = set(document.vips)
        self._up = {vip: up for vip, up in self._up.items() if vip in vips}
        self._balanced = {
            key: {address: real.weight for address, real in service.reals.items() if real.weight}
            for key, service in document.services.items()
            if service.leastconn
        }
        self._relieved = {key: s for key, s in document.services.items() if _overload(s)}
        self._out = {key: real for key, real in self._out.items() if key in self._relieved}
        await self._plane.do(self._dataplane.set_block, document.blocked)

    def is_relieved(self, key: ServiceKey, address: str) -> bool:
        """It is the most loaded real, and takes no new flows."""
        return self._out.get(key) == address

    async def every_second(self, up: Mapping[str, bool], able: Able) -> list[tuple[ServiceKey, str]]:
        """up: for each VIP, whether it is. able: a service's reals that might accept. The reals that are
        relieved now and were not, or the reverse."""
        await self._plane.do(self._tell, dict(up))
        wanted = list({**self._balanced, **self._relieved})
        if not wanted:
            return []
        sessions = self._fleet(await self._plane.look(self._dataplane.sessions, wanted))
        if self._balanced:
            await self._plane.do(self._dataplane.set_loads, self._loads(sessions))
        return [name for key in self._relieved for name in self._relieve(key, sessions, able)]

    def _relieve(self, key: ServiceKey, sessions: Sessions, able: Able) -> list[tuple[ServiceKey, str]]:
        service, before = self._relieved[key], self._out.get(key)
        loads = {a: sessions.get((key, a), 0) / service.reals[a].weight for a in able(key)}
        after = most_loaded(loads, before, _overload(service), service.need)
        if after == before:
            return []
        if before:
            self._out.pop(key)
            log.info("real.relieved", service=key, real=before)
        if after:
            self._out[key] = after
            log.at("notice", "real.overloaded", service=key, real=after, sessions=round(sessions[key, after]))
        return [(key, real) for real in (before, after) if real]

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


def _overload(service: Service) -> float:
    """In percent; 0: none is ever relieved."""
    overload = service.options.get("overload", 0)
    return float(overload) if isinstance(overload, int | float) else 0.0
