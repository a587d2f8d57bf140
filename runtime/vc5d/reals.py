"""All that follows from a document beside its tables: where each real is, its MAC, its checks, its state.

Events come in from netlink and from the checks; what they mean goes to the dataplane; `changed` is called
when a VIP may have become healthy or sick by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from . import host, log
from .document import Document, Neighbor, RealConfig, ServiceKey
from .errors import Vc5Error
from .faraway import Faraway
from .fleet.report import Opinion
from .health.checks import Name
from .health.directions import Directions
from .health.leaving import Leaving, gone
from .health.marks import Paths
from .health.plans import Plans
from .health.probers import OnProbe, Probers
from .health.standing import Said, Standings
from .health.state import Condition
from .health.verdict import Drained
from .health.watch import Seen, Sides, Watch
from .loop.courtesy import giving_way
from .loop.supervise import Failed, cancel, start
from .network import vlans
from .network.neighbors import Link, Neighbors
from .network.trunks import Trunks, read_trunks
from .plane import Dataplane, PlaneThread
from .xdp.layout import RealState

_MOVED_SETTLES = 0.3  # s: an interface that comes up makes several events
_AT_ONCE = 100  # reals, a few milliseconds' work
_A_WHILE = 0.001  # s
_LOOKED_AGAIN = 60.0  # s: puts back routes that somebody else removed, of which no event is asked for
_AFTER_A_FAILURE = 1.0  # s
_ROUTES_LOOKED_AT = 2.0  # s
_LET_GO_LOOKED_FOR = 5.0  # s: whether the kernel is done with reals that left


@dataclass(frozen=True)
class Told:
    """Who is told and asked. changed: a VIP may have become healthy or sick. failed: a part that never ends
    has ended, which is a defect. drained: whether an operator has taken a real of a service out. on_probe:
    told of every single probe, if anyone wants to know. opinion: what the fleet says of a real."""

    changed: Callable[[], None]
    failed: Failed
    drained: Drained
    on_probe: OnProbe | None = None
    opinion: Callable[[Name], Opinion] = lambda _: Opinion()


class Reals:
    """One of it, for as long as the daemon runs. attached: the present names of the program's interfaces."""

    def __init__(
        self,
        netlink: AsyncIPRoute,
        plane: PlaneThread,
        dataplane: Dataplane,
        attached: Callable[[], frozenset[str]],
        told: Told,
    ) -> None:
        self._netlink = netlink
        self._plane = plane
        self._dataplane = dataplane
        self._attached = attached
        self._changed, self._failed, self._drained = told.changed, told.failed, told.drained
        self._on_probe, self._opinion = told.on_probe, told.opinion
        self._document: Document | None = None
        self._plans = Plans()
        self._judged: Document | None = None  # whose states the dataplane was told whole
        self._leaving = Leaving()
        self._standings = Standings()
        self._lingers = asyncio.Event()
        self._out: dict[str, int] = {}  # real -> Place.out
        self._own_macs: frozenset[tuple[int, str]] | None = None  # what has been logged
        self._unreachable: set[str] = set()  # why, in words; what has been logged
        self._one_at_a_time = asyncio.Lock()
        self._following, self._linking = asyncio.Lock(), asyncio.Lock()
        self._moved = asyncio.Event()

    async def start(self, running: AsyncExitStack, known: Mapping[Name, bool]) -> None:
        """Everything started here ends with `running`, rules and routes included. known: as Watch has it.
        Raises Vc5Error."""
        self._paths = Paths(self._netlink)
        running.push_async_callback(self._paths.stop)
        await self._paths.start()
        self._faraway = Faraway(self._netlink, self._plane, self._dataplane)
        running.push_async_callback(self._faraway.stop)
        self._neighbors = Neighbors(self._netlink, self._set_links, self.moved, self._failed)
        running.push_async_callback(self._neighbors.stop)
        await self._neighbors.start()
        probers = Probers(Directions(self._paths, self._neighbors, self._faraway.hop_to), self._on_probe)
        running.push_async_callback(probers.close)
        self._watch = Watch(probers.round, self._on_condition, self._failed, known)
        running.push_async_callback(self._watch.stop)
        works = (self._end_lingering_for_ever(), self._let_go_for_ever(), self._follow_routes_for_ever())
        for work in works:
            running.push_async_callback(cancel, start(work, self._failed))

    async def follow(self, document: Document, plans: Plans) -> None:
        """From now on the reals of this document, which the dataplane has already: there is no way back, so
        what the kernel refuses is tried again by follow_moves_for_ever."""
        if self._document is not None:
            left = await asyncio.to_thread(gone, self._document, self._plans, document)
            self._leaving.replaced(self._document, document, left)
        self._document, self._plans = document, plans
        try:
            await self._find(moved=False)
        except (NetlinkError, OSError) as failure:
            log.warning("real.places", error=failure)
            self.moved()
        await self._follow_checks()
        anew = await asyncio.to_thread(list, _anew(self._judged, document))
        await self._push_states([*self._leaving.plans, *anew])
        self._judged = document
        self._changed()

    async def _follow_checks(self) -> None:
        async with self._following:  # or what was found first may come last
            self._standings.forget(await self._watch.follow(await self._followed()))

    async def _followed(self) -> Plans:
        """Those of the document and of reals that left it. Beside the event loop: both may be many."""
        return await asyncio.to_thread(self._plans.beside, dict(self._leaving.plans))

    def condition(self, key: ServiceKey, address: str) -> Condition:
        return self._watch.condition(key, address)

    def sides(self, key: ServiceKey) -> Sides:
        return self._watch.sides(key)

    def seen(self, key: ServiceKey, address: str) -> Seen:
        return self._watch.seen(key, address)

    def by_service(self) -> Iterator[tuple[ServiceKey, Sides]]:
        """What the checks say; also of those that left the document and drain: their service stays in it."""
        return ((key, self.sides(key)) for key in self._plans.by_service)

    def leaving(self) -> Collection[Name]:
        """Another object whenever one came or went."""
        return self._leaving.plans

    def would_accept(self, key: ServiceKey) -> list[str]:
        """Of a service's reals, did the fleet not hold any."""
        service = self._document.services.get(key) if self._document else None
        reals = service.reals if service else {}
        return [a for a in reals.keys() & self.sides(key).up if not self._is_out(key, a, reals[a])]

    def _is_out(self, key: ServiceKey, address: str, real: RealConfig) -> bool:
        return real.disabled or self._drained(key, address)

    async def inherit(self, reals: Mapping[Name, Neighbor]) -> None:
        """These are here only since a peer has flows to them, and are checked like the others of their
        service."""
        self._leaving.inherit(reals, self._plans)
        await self._follow_checks()
        self.moved()
        await self.judge(self._plans.beside(self._leaving.plans))

    async def judge(self, names: Iterable[Name]) -> None:
        """What the fleet says of these has changed."""
        await self._push_states(list(names))

    async def drains_changed(self) -> None:
        """What an operator has taken out is another now."""
        services = self._document.services if self._document else {}
        await self._push_states([(key, real) for key, service in services.items() for real in service.reals])

    def moved(self) -> None:
        """An interface, an address or a rule of this host came or went."""
        self._moved.set()

    async def follow_moves_for_ever(self) -> None:
        """Finds the reals again whenever something moved, and now and then without being told."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOKED_AGAIN):
                    await self._moved.wait()
                    await self._look_at_own_macs()
                    await asyncio.sleep(_MOVED_SETTLES)
            self._moved.clear()
            try:
                await self._find(moved=True)
            except (NetlinkError, OSError) as failure:  # an interface that goes while it is asked about
                log.warning("real.places", error=failure)
                await asyncio.sleep(_AFTER_A_FAILURE)
                self._moved.set()

    async def _find(self, *, moved: bool) -> None:
        """Where the reals are, and with that the paths of their checks and their MACs. moved: an interface or
        an address came or went, and the kernel may have removed routes with it."""
        async with self._one_at_a_time:
            if self._document is None:
                return
            attached = self._attached()
            plans = await self._followed()
            everywhere = self._leaving.with_their_places(self._document)
            ways, document = await asyncio.to_thread(self._faraway.split, everywhere, plans)
            addresses = await vlans.host_addresses(self._netlink)
            self._paths.exclude({each.address for each in addresses})
            trunks = await read_trunks(self._netlink, attached)
            await self._set_own(trunks)
            await self._plane.do(self._dataplane.set_vlans, trunks.vlan_ids())
            near = await vlans.find(self._netlink, document, addresses, attached)
            places = {**await self._faraway.find(ways, attached, addresses), **near}
            self._tell_unreachable(places)
            found = {real: each for real, each in places.items() if isinstance(each, vlans.Place)}
            self._out = {real: each.out for real, each in found.items()}
            for ifname in {each.ifname for each in found.values()}:
                _relax_rp_filter(ifname)
            await self._paths.update({**near, **await self._faraway.checks(ways)}, repair=moved)
            pinned = {real: each.mac for real, each in document.neighbors.items() if each.mac}
            await self._neighbors.follow(places, pinned)

    async def _look_at_own_macs(self) -> None:
        """Before all else that moved: until it is known, frames to a new one are another host's."""
        with contextlib.suppress(NetlinkError, OSError):  # _find follows, and tells
            await self._set_own(await read_trunks(self._netlink, self._attached()))

    async def _set_own(self, trunks: Trunks) -> None:
        macs = trunks.own_macs()
        fits = await self._plane.at_once(self._dataplane.set_own, macs)
        if macs == self._own_macs:
            return
        self._own_macs = macs
        if fits and macs:
            log.info("interface.macs", macs=",".join(sorted({mac for _, mac in macs})))
        else:
            why = (
                "there are too many" if macs else "an interface with the program has none that is to be seen"
            )
            log.warning("interface.macs", why=why, then="frames are handled whatever MAC they were sent to")

    def _tell_unreachable(self, places: vlans.Places) -> None:
        """Once for each reason, not for each real, and again only after it has gone."""
        reasons = {place.why: real for real, place in places.items() if isinstance(place, vlans.Missing)}
        for why in sorted(reasons.keys() - self._unreachable):
            log.warning("real.unreachable", real=reasons[why], why=why)
        self._unreachable = set(reasons)

    async def _on_condition(self, key: ServiceKey, address: str, condition: Condition) -> None:
        await self._push_states([(key, address)])  # before anything else
        event = "real.up" if condition.up else "real.down"
        log.info(event, service=key, real=address, reason=condition.reason)
        self._changed()
        if not condition.up:
            await self._neighbors.doubt(self._faraway.hop_to(address))

    async def _push_states(self, names: list[Name]) -> None:
        """Tell the dataplane the states that the conditions of these reals make. Of many a part at a time:
        neither the event loop nor a change of health that comes meanwhile waits for all of them."""
        for first in range(0, len(names), _AT_ONCE):
            part = self._wanted(names[first : first + _AT_ONCE])
            await self._plane.at_once(_each, self._dataplane.set_state, part)
            if first + _AT_ONCE < len(names):
                await asyncio.sleep(0)
        self._lingers.set()

    def _wanted(self, names: list[Name]) -> list[tuple[ServiceKey, str, RealState]]:
        wanted: list[tuple[ServiceKey, str, RealState]] = []
        now = asyncio.get_running_loop().time()
        for key, address in names:
            service = self._document.services.get(key) if self._document else None
            real = service.reals.get(address) if service else None
            if service is None or (real is None and (key, address) not in self._leaving.plans):
                continue  # a result that was under way when the document changed
            opinion = self._opinion((key, address))
            closed = real is None or self._is_out(key, address, real) or opinion.held
            said = Said(self.condition(key, address).up, closed, opinion.kept)
            state = self._standings.judge((key, address), said, service.linger, now)
            if state is not None:
                wanted.append((key, address, state))
        return wanted

    async def _end_lingering_for_ever(self) -> None:
        """A real that lingers goes down at its time, whatever else happens."""
        loop = asyncio.get_running_loop()
        while True:
            self._lingers.clear()
            end = self._standings.next_end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end if end < math.inf else None):
                    await self._lingers.wait()
            if over := self._standings.ended(loop.time()):
                for key, address in over:
                    log.info("real.lingered", service=key, real=address)
                await self._push_states(over)

    async def _let_go_for_ever(self) -> None:
        """Reals that left are checked until the kernel has no flows of theirs."""
        while True:
            await asyncio.sleep(_LET_GO_LOOKED_FOR)
            if not self._leaving.plans:
                continue
            asked = set(self._leaving.plans)  # others may leave meanwhile
            remaining = await self._plane.look(self._dataplane.remaining, asked)
            if self._leaving.let_go(asked - remaining):
                await self._follow_checks()
                self.moved()

    async def _follow_routes_for_ever(self) -> None:
        """Of reals behind tunnels. They are asked for: a host with a million routes would have a million
        events."""
        while True:
            await asyncio.sleep(_ROUTES_LOOKED_AT)
            try:
                if await self._faraway.changed(self._attached()):
                    self.moved()
            except (NetlinkError, OSError) as failure:
                log.warning("real.places", error=failure)

    async def _set_links(self, links: list[Link]) -> None:
        """In the order in which they were found: a MAC that changes while very many are told is told after
        them, or what was known before would be the last that the dataplane hears of it."""
        async with self._linking:
            await self._faraway.set_links(links)
            rest = iter([(*link, self._out.get(link[0], 0)) for link in links])
            while await self._plane.do(_for_a_while, self._dataplane.set_link, rest):
                pass


def _anew(before: Document | None, document: Document) -> Iterator[Name]:
    """The reals whose states another document may have changed: new ones, and those that are configured
    otherwise."""
    for key, service in giving_way(document.services.items()):
        former = before.services.get(key) if before else None
        if former is service:
            continue
        known = former.reals if former and former.linger == service.linger else {}
        for address, real in service.reals.items():
            if known.get(address) is not real:
                yield key, address


def _for_a_while(call: Callable[..., Any], arguments: Iterator[tuple[Any, ...]]) -> bool:
    """As `_each`, for about a millisecond: a change of health waits no longer. Whether there are more."""
    end = time.perf_counter() + _A_WHILE
    for each in arguments:
        _each(call, [each])
        if time.perf_counter() >= end:
            return True
    return False


def _each(call: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> None:
    """call(*arguments) for each. A document may change between an event and this: what it no longer has is
    no failure."""
    for each in arguments:
        try:
            call(*each)
        except (KeyError, Vc5Error) as failure:
            log.debug("dataplane.refused", arguments=each, error=failure)


def _relax_rp_filter(ifname: str) -> None:
    try:
        changed = host.relax_rp_filter(ifname)
    except OSError as failure:
        log.warning(
            "interface.rp_filter",
            interface=ifname,
            error=failure.strerror,
            needed=f"sysctl net.ipv4.conf.{ifname}.rp_filter=0, or health checks get no answers",
        )
        return
    if changed:
        log.info("interface.rp_filter", interface=ifname, was=changed[0], now=changed[1])
