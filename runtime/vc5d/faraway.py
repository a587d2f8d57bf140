"""Reals in other networks, as the daemon follows them: their routes, the MACs of next hops, the ways of
checks."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import replace

from pyroute2 import AsyncIPRoute

from .document import Document
from .health.plans import Plans
from .health.tunnels import Entrance
from .health.ways import Way
from .loop.courtesy import giving_way
from .network.hops import Route, find_routes, source_for
from .network.neighbors import Link
from .network.vlans import HostAddress, Missing, Place, Places
from .plane import Dataplane, PlaneThread

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Faraway:
    """One of it, for as long as the daemon runs."""

    def __init__(self, netlink: AsyncIPRoute, plane: PlaneThread, dataplane: Dataplane) -> None:
        self._netlink, self._plane, self._dataplane = netlink, plane, dataplane
        self._entrance = Entrance(netlink, lambda: plane.do(dataplane.open_checks))
        self._routes: dict[str, Route | Missing] = {}
        self._addresses: list[tuple[str, str]] = []

    async def stop(self) -> None:
        await self._entrance.stop()

    @staticmethod
    def split(document: Document, plans: Plans) -> tuple[set[Way], Document]:
        """The ways of the reals behind tunnels, and the document with only the reals that some service has on
        a VLAN. Takes milliseconds with many: not for the event loop's own thread."""
        ways, near = set[Way](), set[str]()
        for its in giving_way(plans.by_service.values()):
            away = {plan.way for plan in its.values()} - {None}
            ways.update(filter(None, away))
            near.update(its if not away else (real for real, plan in its.items() if not plan.way))
        neighbors = giving_way(document.neighbors.items(), 1000)
        known = {real: each for real, each in neighbors if real in near}
        return ways, replace(document, neighbors=known)

    def hop_to(self, real: str) -> str:
        """Whose MAC has to be known for packets to go to a real."""
        route = self._routes.get(real)
        return route.hop if isinstance(route, Route) else real

    async def changed(self, attached: frozenset[str]) -> bool:
        """Whether some real is reached otherwise than when it was last found."""
        return bool(self._routes) and await find_routes(self._netlink, self._routes, attached) != self._routes

    async def find(self, ways: set[Way], attached: frozenset[str], addresses: list[HostAddress]) -> Places:
        """Where the next hops are, each by its address; and reals that no route leads to."""
        self._routes = await find_routes(self._netlink, {way.real for way in ways}, attached)
        places: Places = {real: route for real, route in self._routes.items() if isinstance(route, Missing)}
        places.update({route.hop: route.place for route in self._routes.values() if isinstance(route, Route)})
        self._entrance.keep({way.name for way in ways})
        self._addresses = [(each.ifname, each.address) for each in addresses]
        return places

    async def checks(self, ways: set[Way]) -> Places:
        """By the ways' names: where their packets go."""
        return {way.name: await self._lead(way) for way in sorted(ways, key=lambda way: way.name)}

    async def _lead(self, way: Way) -> Place | Missing:
        route = self._routes[way.real]
        if isinstance(route, Missing):
            return route
        source = source_for(_FAMILIES[way.family], route, self._addresses)
        if source is None:
            return Missing(f"this host has no IPv{way.family} address to check its VIPs from")
        return await self._entrance.lead(way, route, source)

    async def set_links(self, links: Iterable[Link]) -> None:
        """MACs as they were learned, of next hops among others."""
        macs = {address: mac for address, mac, _ in links}
        for hop, mac in macs.items():
            self._entrance.set_mac(hop, mac)
        told = [
            (real, route.told(macs[route.hop]))
            for real, route in self._routes.items()
            if isinstance(route, Route) and route.hop in macs
        ]
        for real, next_hop in told:
            await self._plane.do(self._dataplane.set_route, real, next_hop)
