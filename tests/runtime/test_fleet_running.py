"""Load balancers that hear each other: RunningFleet over a network in memory, with real time and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d.document import Document, Neighbor, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.fleet import running
from vc5d.fleet.report import Opinion
from vc5d.fleet.running import Parts, RunningFleet
from vc5d.generation.inherit import Given
from vc5d.generation.state import FleetView
from vc5d.health.checks import Name
from vc5d.health.watch import Sides
from vc5d.plane import PlaneThread

KEY = ServiceKey("192.168.101.1", 80, "tcp")
ONE, TWO, THREE = ((KEY, f"10.1.10.{n}") for n in (1, 2, 3))


def made(*reals: str, **extra: Any) -> Document:
    services = {str(KEY): dict.fromkeys(reals, 1)}
    return document(Spec(services, extra={"multicast": "239.1.1.1:9999", **extra}))


OLD, NEW = made("10.1.10.1", "10.1.10.2"), made("10.1.10.1", "10.1.10.2", "10.1.10.3")


@dataclass(frozen=True)
class Peer:
    node: bytes
    address: str


@dataclass(frozen=True)
class Answer:
    body: bytes
    flows: int = 0


@dataclass
class Network:
    """mute: addresses whose words are lost."""

    hosts: dict[str, Host] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)


class Host:
    """A load balancer: its fleet, a data path that only remembers, and reals whose health a test sets."""

    def __init__(self, network: Network, address: str, live: Document, *, fresh: bool = True) -> None:
        self.network, self.address, self.live = network, address, live
        self.on, self.failed, self.hopeless, self.why = True, False, False, ""
        self.up: dict[Name, bool] = {(key, a): True for key, s in live.services.items() for a in s.reals}
        self.judged: dict[Name, Opinion] = {}
        self.view = FleetView()
        self.transition = False
        self.asked: list[bool] = []
        self.broken_answers = False
        self.given: Given | None = None
        self.changes = 0
        self.fleet = RunningFleet(live, shares=True, accepting=None if fresh else frozenset())
        self._plane = PlaneThread()
        self._tasks: list[asyncio.Task[None]] = []
        parts = Parts(self._plane, self, TheirReals(self), self._changed, lambda: None, self._spawn)
        self.fleet.begin(parts, self)
        network.hosts[address] = self
        self._spawn(self.fleet.for_ever())

    def _changed(self) -> None:
        self.changes += 1

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def leave(self) -> None:
        self.network.hosts.pop(self.address, None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._plane.close()

    # a Voice

    def say(self, body: bytes) -> None:
        me = Peer(b"", self.address)
        for other in list(self.network.hosts.values()):
            if other is not self and self.address not in self.network.mute:
                other.fleet.heard(me, body)

    async def fetch(self, peer: Peer, request: bytes) -> Answer:
        other = self.network.hosts.get(peer.address)
        if other is None or other.broken_answers:
            raise Vc5Error("no answer")
        self.asked.append(b'"states": true' in request)
        return Answer(await other.fleet.serve(Peer(b"", self.address), request))

    # Maps

    def set_fleet(self, fleet: FleetView) -> None:
        self.view = fleet

    def moving(self) -> bool:
        return self.transition

    def give(self, digest: str) -> bytes:
        return b'\0\0\0\x11{"services 1":{}}'

    def inherit(self, given: Given) -> dict[Name, Neighbor]:
        self.given = given
        return {}

    # what both parts want

    def alive(self) -> list[Name]:
        return [name for name, up in self.up.items() if up]

    async def reload(self, new: Document) -> None:
        self.live = new
        for address in new.services[KEY].reals:
            self.up.setdefault((KEY, address), True)
        await self.fleet.follow(new, shares=True)

    def says(self, name: Name, up: bool) -> None:
        self.up[name] = up
        self.fleet.something_changed()


class TheirReals:
    """Reals of a host, as its fleet's rules know them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.inherited = 0

    def by_service(self) -> Iterator[tuple[ServiceKey, Sides]]:
        keys = dict.fromkeys(key for key, _ in self._host.up)
        for key in keys:
            up = {address for service, address in self._host.alive() if service == key}
            yield key, Sides(up, set(), hash(frozenset(up)))

    def leaving(self) -> list[Name]:
        return []

    def would_accept(self, key: ServiceKey) -> Collection[str]:
        known = self._host.live.services[key].reals
        return [real for service, real in self._host.alive() if service == key and real in known]

    async def judge(self, names: Iterable[Name]) -> None:
        self._host.judged.update({name: self._host.fleet.opinion(name) for name in names})

    async def inherit(self, reals: Mapping[Name, Neighbor]) -> None:
        self.inherited += 1


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def play(work: Callable[[Network], Awaitable[None]]) -> None:
    async def main() -> None:
        network = Network()
        try:
            await work(network)
        finally:
            for host in list(network.hosts.values()):
                await host.leave()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_EVERY", 0.2)


async def two(network: Network, one: Document = OLD, other: Document = OLD) -> tuple[Host, Host]:
    """Both know each other, and have learned what there is to learn."""
    hosts = Host(network, "10.0.0.1", one), Host(network, "10.0.0.2", other)
    await until(lambda: all(host.fleet.fleet.learning.learned for host in hosts))
    await until(lambda: all(len(host.fleet.fleet.members.live) == 1 for host in hosts))
    return hosts


def test_time_in_which_nobody_can_be_heard_does_not_count() -> None:
    """On a busy host the process that shares takes longer to start than `learn`: announcing then would break
    what others remember."""

    async def work(network: Network) -> None:
        brief = made("10.1.10.1", "10.1.10.2", learn=1)
        await two(network, brief, brief)
        deaf = Host(network, "10.0.0.3", brief)
        network.mute.add("10.0.0.3")
        deaf.on, heard = False, deaf.fleet.heard
        deaf.fleet.heard = lambda *_: None  # type: ignore[method-assign]
        await asyncio.sleep(4.5)
        assert deaf.fleet.learning() > 0, deaf.fleet.status()["learned_why"]
        deaf.on, deaf.fleet.heard = True, heard  # type: ignore[method-assign]
        network.mute.clear()
        await until(lambda: deaf.fleet.fleet.learning.learned)
        assert deaf.fleet.fleet.learning.why.startswith("from 10.0.0.")

    play(work)


def test_time_counts_when_nobody_ever_can_be_heard() -> None:
    async def work(network: Network) -> None:
        host = Host(network, "10.0.0.1", made("10.1.10.1", "10.1.10.2", learn=1))
        host.on, host.failed = False, True
        await until(lambda: host.fleet.learning() == 0, 3)

    play(work)


def test_one_alone_has_learned_soon() -> None:
    async def work(network: Network) -> None:
        host = Host(network, "10.0.0.1", OLD)
        assert 3 < host.fleet.learning() <= 15
        await until(lambda: host.changes)
        assert host.fleet.learning() == 0
        status = host.fleet.status()
        assert (status["learned_why"], status["agreed"], status["peers"]) == (
            "there is nobody to learn from", True, [],
        )  # fmt: skip

    play(work)


def test_one_that_cannot_hear_anyone_waits_for_nobody() -> None:
    """As one without the fleet's secret; while a port is taken, or an address missing, it waits."""

    async def work(network: Network) -> None:
        waiting, host = Host(network, "10.0.0.1", OLD), Host(network, "10.0.0.2", OLD)
        waiting.on = host.on = False
        host.why, host.hopeless = "there is no secret", True
        await until(lambda: host.changes, 2)
        assert host.fleet.learning() == 0
        assert host.fleet.status()["learned_why"] == "there is no secret"
        assert waiting.fleet.learning() > 10

    play(work)


def test_one_that_starts_asks_for_everything_and_one_that_restarts_for_flows() -> None:
    async def work(network: Network) -> None:
        await two(network)
        late = Host(network, "10.0.0.3", OLD)
        await until(lambda: late.fleet.fleet.learning.learned, 2.5)
        assert late.asked[0] is True
        assert late.given == {}
        again = Host(network, "10.0.0.4", OLD, fresh=False)
        await until(lambda: again.fleet.fleet.learning.learned, 2.5)
        assert again.asked[0] is False
        assert again.given is None

    play(work)


def test_another_is_asked_when_one_fails() -> None:
    async def work(network: Network) -> None:
        first, second = await two(network)
        first.broken_answers = True
        late = Host(network, "10.0.0.3", OLD)
        await until(lambda: late.fleet.fleet.learning.learned)
        assert late.fleet.fleet.learning.why == f"from {second.address}"

    play(work)


def test_a_real_is_kept_by_a_peers_word() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        assert one.fleet.opinion(ONE).kept
        one.says(ONE, False)
        await until(lambda: {"service": str(KEY), "real": ONE[1]} in one.fleet.status()["kept"])
        other.says(ONE, False)
        await until(lambda: not one.fleet.opinion(ONE).kept)
        await until(lambda: one.judged[ONE] == Opinion(held=False, kept=False))
        await until(lambda: not other.fleet.opinion(ONE).kept)

    play(work)


def test_a_new_real_waits_for_all_documents() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        await one.reload(NEW)
        await until(lambda: one.fleet.opinion(THREE).held)
        await until(lambda: not one.view.agreed)
        assert not one.fleet.status()["agreed"]
        await until(lambda: not other.view.agreed)
        await other.reload(NEW)
        await until(lambda: not one.fleet.opinion(THREE).held)
        await until(lambda: not one.judged[THREE].held)
        await until(lambda: one.view == other.view == FleetView())

    play(work)


def test_who_is_silent_holds_nothing_up() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        await one.reload(NEW)
        await until(lambda: one.fleet.opinion(THREE).held)
        network.mute.add(other.address)
        await until(lambda: not one.fleet.opinion(THREE).held)
        await until(lambda: one.view == FleetView())
        assert not one.fleet.opinion(ONE).kept
        network.mute.clear()
        await until(lambda: one.fleet.fleet.members.live)
        await until(lambda: not one.view.agreed)
        assert not one.fleet.opinion(THREE).held, "once let go of it is not held again"

    play(work)


def test_a_farewell_and_a_restart() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        other.fleet.say_farewell(restarting=True)
        await other.leave()
        await asyncio.sleep(6)
        assert one.fleet.fleet.members.live, "it said that it would be back"
        again = Host(network, other.address, OLD, fresh=False)
        await until(lambda: again.fleet.fleet.learning.learned)
        assert len(one.fleet.fleet.members.live) == 1
        again.fleet.say_farewell(restarting=False)
        await until(lambda: not one.fleet.fleet.members.live, 0.5)

    play(work)


def test_settling_waits_for_peers_that_are_moving() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        await until(lambda: one.view.settled)
        other.transition = True
        await until(lambda: not one.view.settled)
        other.transition = False
        await until(lambda: one.view.settled)

    play(work)


def test_sessions_are_the_fleets() -> None:
    async def work(network: Network) -> None:
        one, other = await two(network)
        one.fleet.summed({ONE: 10.0, TWO: 3.0})
        found: Mapping[Name, float] = {}

        def added() -> bool:
            nonlocal found
            found = other.fleet.summed({ONE: 5.0, TWO: 0.0})
            return found[TWO] > 0

        await until(added)
        assert found == {ONE: 15, TWO: 3}

    play(work)


@pytest.mark.parametrize("body", [b"", b"P", b"Prubbish", b"Q\x78", b"Rx\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_cannot_be_read_changes_nothing(body: bytes) -> None:
    async def work(network: Network) -> None:
        host = Host(network, "10.0.0.1", OLD)
        host.fleet.heard(Peer(b"", "10.0.0.9"), body)
        assert not host.fleet.fleet.members.live
        with pytest.raises(Vc5Error, match="asked for nothing"):
            await host.fleet.serve(Peer(b"", "10.0.0.9"), body)

    play(work)
