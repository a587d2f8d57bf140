"""This load balancer's part in its fleet, while vc5d runs: what is heard goes to the rules (fleet.py), and
what they decide to the reals, the data path and the announcing.

The peers' words come by a `Voice` (sharing/): bytes, of senders that were proven. Unless the document asks
for sharing this load balancer is alone: nothing is held, kept or waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .. import log
from ..document import Document, Neighbor, ServiceKey
from ..errors import Vc5Error
from ..generation.inherit import Given, pack, unpack
from ..generation.state import FleetView
from ..health.checks import Name
from ..loop.collecting import kept, let_go
from ..plane import PlaneThread
from .acceptance import Would
from .agreement import documents
from .alive import Alive, Up
from .fleet import Fleet, News
from .learning import AT_MOST, Learning
from .members import Member
from .messages import Rosters, pack_report, pack_roster
from .messages import unpack as unpack_message
from .names import Names
from .report import RESTARTING, SILENCE, Opinion, Report, Roster
from .showing import Mine, shown

_EVERY = 1.0  # s: reports
_AT_MOST_EVERY = 0.05  # s
_ASIDE = 1.5  # s: flows of reals that are known only now have left where they were kept aside by then
_ROSTER_EVERY = 10  # reports; and with each of the first ones after something is new
_ROSTER_FIRST = 3


class Peer(Protocol):
    """One start of one vc5d, as its datagrams tell it."""

    @property
    def address(self) -> str: ...


class Fetched(Protocol):
    @property
    def body(self) -> bytes: ...
    @property
    def flows(self) -> int: ...


class Voice(Protocol):
    """What sharing.link.Sharing is."""

    on: bool
    failed: bool
    why: str
    hopeless: bool

    def say(self, body: bytes) -> None: ...
    async def fetch(self, peer: Any, request: bytes) -> Fetched: ...


class Maps(Protocol):
    """What of the data path the fleet's rules need."""

    def set_fleet(self, fleet: FleetView) -> None: ...
    def moving(self) -> bool: ...
    def give(self, digest: str) -> bytes: ...
    def inherit(self, given: Given) -> dict[Name, Neighbor]: ...


class Reals(Protocol):
    """What of the reals."""

    def by_service(self) -> Iterable[tuple[ServiceKey, Up]]: ...
    def leaving(self) -> Collection[Name]: ...
    def would_accept(self, key: ServiceKey) -> Collection[str]: ...
    async def judge(self, names: Iterable[Name]) -> None: ...
    async def inherit(self, reals: Mapping[Name, Neighbor]) -> None: ...


@dataclass(frozen=True)
class Parts:
    """plane, maps: of the data path. changed: VIPs may have to be announced now. applied: another document
    was live for a moment, and this one is so again. spawn: runs something beside."""

    plane: PlaneThread
    maps: Maps
    reals: Reals
    changed: Callable[[], None]
    applied: Callable[[], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]


class RunningFleet:
    """One of it, from the document's first being live on."""

    def __init__(self, document: Document, *, shares: bool, accepting: frozenset[int] | None) -> None:
        """shares: the document asks for it. accepting: reals that do so already, since the program was there
        before this process; None: it was loaded anew."""
        self._document, self._names = document, Names(document)
        self._own_states = accepting is not None
        self._boot, self._name = secrets.token_bytes(8), socket.gethostname()
        self._rosters = Rosters()
        self._rosters.add(self._names.roster)
        self._loads: Mapping[int, int] = {}
        self._started = _now()
        self._shares = shares
        learning = Learning(self._started, self._learn(document) or AT_MOST)
        self.fleet = Fleet(self._names.roster, learning, accepting or frozenset())
        self._view = FleetView()
        self._moving = False
        self._peers: dict[str, Peer] = {}
        self._dirty = asyncio.Event()
        self._said, self._report_is_old = b"", True
        self._alive = Alive()
        self._rosters_left = _ROSTER_FIRST
        self._silence = SILENCE
        self._voice: Voice | None = None

    def begin(self, parts: Parts, voice: Voice | None) -> None:
        self._parts, self._voice = parts, voice

    # What is asked of it

    def opinion(self, name: Name) -> Opinion:
        number = self._names.of(*name)
        return Opinion(number in self.fleet.held, number in self.fleet.kept)

    def learning(self) -> float:
        """Seconds until VIPs that are not announced yet may be; 0: they may."""
        if self._shares and not self.fleet.learning.learned:
            return self.fleet.learning.left(_now())
        if self._shares and self._voice and self._voice.on:
            return 0.0
        return max(0.0, self._started + self._learn(self._document) - _now())

    @staticmethod
    def _learn(document: Document) -> float:
        learn = document.options.get("learn", 0)
        return learn if isinstance(learn, int) else 0

    def summed(self, mine: Mapping[Name, float]) -> Mapping[Name, float]:
        """Sessions in the whole fleet, of the same reals. This load balancer's own are told from now on."""
        ids = {name: number for name in mine if (number := self._names.of(*name)) is not None}
        self._loads = {number: round(mine[name]) for name, number in ids.items()}
        found = self.fleet.summed(self._loads)
        return {name: found[number] for name, number in ids.items()}

    def status(self) -> dict[str, Any]:
        why = self._voice.why if self._voice else ""
        on = bool(self._voice and self._voice.on)
        mine = Mine(self._name, self._alive.ids)
        return {"on": on, "wanted": self._shares, "why": why, **shown(self.fleet, self._names, mine, _now())}

    # What it is told

    async def follow(self, document: Document, *, shares: bool) -> None:
        """This document is live now."""
        leaving = self._parts.reals.leaving()
        names = await asyncio.to_thread(kept, _names, document, leaving, self._names, shares=shares)
        pieces = self._names.pieces()
        self._document, self._shares, self._names = document, shares, names
        if shares:
            self._rosters.add(names.roster)
        self.fleet.follow(self._names.roster)
        self._rosters_left = _ROSTER_FIRST
        self.something_changed()
        await asyncio.to_thread(let_go, pieces)

    def something_changed(self) -> None:
        """Own checks say otherwise, or what is told of this load balancer is another."""
        self._report_is_old = True
        self._dirty.set()

    def heard(self, peer: Peer, body: bytes) -> None:
        try:
            message = unpack_message(body, self._rosters)
        except Vc5Error as failure:
            log.debug("fleet.unreadable", peer=peer.address, error=failure.message)
            return
        if isinstance(message, Roster):
            self._rosters.add(message)
            return
        self._peers[peer.address] = peer
        self.fleet.hear(peer.address, message, _now())
        self._dirty.set()

    async def serve(self, peer: Peer, request: bytes) -> bytes:
        """For a load balancer that starts: what is held here of transitions. Raises Vc5Error."""
        try:
            raw = json.loads(request)
            digest, states = str(raw["digest"]), bool(raw["states"])
        except (ValueError, KeyError, TypeError) as failure:
            raise Vc5Error(f"{peer.address} asked for nothing that is known: {failure}") from None
        if not states:
            return b""
        return await asyncio.to_thread(pack, await self._parts.plane.do(self._parts.maps.give, digest))

    def say_farewell(self, *, restarting: bool) -> None:
        """The last word of this vc5d."""
        self._silence = RESTARTING if restarting else 0.0
        self._say()

    # What it does

    async def for_ever(self) -> None:
        while True:
            begin = asyncio.get_running_loop().time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._dirty.wait()
            self._dirty.clear()
            await self._advance()
            self._say(again=asyncio.get_running_loop().time() - begin >= _EVERY)
            await asyncio.sleep(_AT_MOST_EVERY)

    async def _advance(self) -> None:
        was_learned = self.fleet.learning.learned
        self._names.leave(self._parts.reals.leaving())
        if self._shares and not (self._voice and self._voice.on):
            self._hear_nothing()
        news = self.fleet.advance(_now(), self._would())
        await self._look_at_transitions()
        self._tell(news)
        if news.reals:
            await self._parts.reals.judge(self._names.named(news.reals))
        for address in news.ask:
            self._parts.spawn(self._ask_for_flows(address))
        if news.learn_from:
            self._parts.spawn(self._learn_from(news.learn_from))
        if self.fleet.learning.learned and not was_learned:
            self._learned()

    def _hear_nothing(self) -> None:
        """To announce later would help nobody if no peer can be heard by then either."""
        if self._voice and self._voice.hopeless:
            self.fleet.learning.give_up(self._voice.why)
        else:
            failed = self._voice is not None and self._voice.failed
            self.fleet.learning.hear_nothing_yet(_now(), failed=failed)

    def _would(self) -> dict[int, Would]:
        """Of services with reals that wait: those which would accept, and how many must. Nobody waits for
        peers that have this very document."""
        would: dict[int, Would] = {}
        if all(peer.digest == self._document.digest for peer in self.fleet.members.reports()):
            return would
        for service in self.fleet.waiting():
            key = self._names.services[service]
            ids = self._names.of_all(key, self._parts.reals.would_accept(key))
            would[service] = Would(ids, self._document.services[key].need)
        return would

    async def _look_at_transitions(self) -> None:
        view = FleetView(self.fleet.agreed, self.fleet.settled(_now()) if self._shares else True)
        if view.agreed != self._view.agreed:
            self._tell_agreement(view.agreed)
        if view != self._view:
            await self._parts.plane.do(self._parts.maps.set_fleet, view)
            self._view = view
        moving = await self._parts.plane.look(self._parts.maps.moving)
        self._report_is_old |= moving != self._moving
        self._moving = moving

    def _tell(self, news: News) -> None:
        for address in news.came:
            member = self.fleet.members.live[address]
            self._rosters_left = _ROSTER_FIRST
            log.info("fleet.joined", peer=address, host=member.report.name, digest=member.report.digest)
        for member in news.gone:
            self._peers.pop(member.address, None)
            log.warning("fleet.left", peer=member.address, host=member.report.name, silent=_silent(member))

    def _tell_agreement(self, agreed: bool) -> None:
        if agreed:
            log.info("fleet.agrees", digest=self._document.digest)
        else:
            counts = documents(self._document.digest, self.fleet.members.reports())
            shown = ", ".join(f"{digest[7:19]} on {count}" for digest, count in counts.items())
            log.at("notice", "fleet.differs", documents=shown)

    def _learned(self) -> None:
        log.info("fleet.learned", why=self.fleet.learning.why)
        self._parts.changed()
        self.something_changed()

    # What it says

    def _say(self, *, again: bool = True) -> None:
        if self._voice is None or not self._voice.on or not (again or self._report_is_old):
            return
        self._report_is_old = False
        body = pack_report(self._report(), self._rosters)
        if body == self._said and not again:
            return
        self._said = body
        self._rosters_left -= 1
        if self._rosters_left >= 0 or -self._rosters_left % _ROSTER_EVERY == 0:
            self._voice.say(pack_roster(self._names.roster))
        self._voice.say(body)

    def _report(self) -> Report:
        return Report(
            boot=self._boot,
            name=self._name,
            digest=self._document.digest,
            alive=self._alive.look(self._parts.reals.by_service(), self._names),
            silence=self._silence,
            learning=not self.fleet.learning.learned,
            moving=self._moving,
            loads={real: sessions for real, sessions in self._loads.items() if sessions},
            roster=self._names.roster,
        )

    # What it asks for

    async def _ask_for_flows(self, address: str) -> None:
        """Of one that is there anew: what it told meanwhile was lost."""
        try:
            await self._fetch(address, states=False)
        except Vc5Error as failure:
            log.warning(
                "fleet.not_told", peer=address, error=failure.message, then="it tells again by itself"
            )

    async def _learn_from(self, address: str) -> None:
        try:
            fetched = await self._fetch(address, states=not self._own_states)
            if fetched.body:
                await self._inherit(fetched.body)
        except Vc5Error as failure:
            log.warning("fleet.not_told", peer=address, error=failure.message, then="another peer is asked")
            self.fleet.learning.failed(address)
        else:
            self.fleet.learning.got(address)
            if self.fleet.learning.why:
                self._learned()
        self.something_changed()

    async def _fetch(self, address: str, *, states: bool) -> Fetched:
        if self._voice is None or address not in self._peers:
            raise Vc5Error("it is not there any more")
        request = json.dumps({"digest": self._document.digest, "states": states}).encode()
        return await self._voice.fetch(self._peers[address], request)

    async def _inherit(self, body: bytes) -> None:
        given = await asyncio.to_thread(unpack, body)
        self._own_states = True
        try:
            reals = await self._parts.plane.do(self._parts.maps.inherit, given)
        finally:
            self._parts.applied()
        self._names.leave(reals)
        await self._parts.reals.inherit(reals)
        if reals:
            await asyncio.sleep(_ASIDE)


def _names(document: Document, leaving: Iterable[Name], before: Names, *, shares: bool) -> Names:
    """With all that takes long done, here in a thread."""
    names = Names(document, leaving, before)
    if shares:
        _ = names.roster.order
    return names


def shares(document: Document) -> bool:
    """Whether it asks for sharing."""
    return bool(document.options.get("multicast") or (document.options.get("sharing") or {}).get("peers"))


def _silent(member: Member) -> float:
    return round(_now() - member.heard, 1)


def _now() -> float:
    return asyncio.get_running_loop().time()
