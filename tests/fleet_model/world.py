"""A history: what happens to a fleet, its reals and its clients, a second at a time.

Every packet of a flow may come to any load balancer that is announced. A flow counts as broken when a packet
of it goes to another real than its first, while some load balancer's own checks say that its real is up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bpf.model.parsing import Packet

from .node import Node
from .plane import LIFETIME, Spec, Told, packets

SIZES = (61, 61, 61, 127)
FIRST, POOL, FEWEST = range(1, 9), range(1, 15), 3
QUIET = LIFETIME * 0.8  # no flow is quiet for longer


@dataclass(frozen=True)
class Chances:
    """Of each event, a second. apart: the longest time between two load balancers' flips to one document.
    loss: of a message of flows or a report. cut: that the fleet is split for a while."""

    nodes: int = 3
    health: float = 0.15
    document: float = 0.03
    crash: float = 0.015
    restart: float = 0.02
    cut: float = 0.0
    loss: float = 0.0
    move: float = 0.3  # of a packet: that it comes to another load balancer than the one before
    apart: int = 90


# Transitions that are young here and old there: vc5d is restarted again and again.
RESTARTS = Chances(nodes=4, restart=0.08, document=0.02, health=0.05, apart=20)


@dataclass
class Client:
    """A flow. at: the load balancer that it came to last."""

    real: int
    last: float
    at: str
    syn: Packet
    other: Packet
    began: float = 0.0


@dataclass
class Outcome:
    packets: int = 0
    broken: int = 0
    flows: int = 0
    lookups: int = 0
    causes: dict[str, int] = field(default_factory=dict)


class World:
    def __init__(self, seed: int, chances: Chances, without: frozenset[str] = frozenset()) -> None:
        self.draw, self.chances, self.now = random.Random(seed), chances, 0.0
        self.spec = Spec(1, frozenset(FIRST), 61)
        self.nodes = {name: Node(name, without) for name in (f"lb{n}" for n in range(1, chances.nodes + 1))}
        self.dead: set[int] = set()
        self.clients: dict[int, Client] = {}
        self.ended: list[int] = []
        self.out = Outcome()
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.parts: dict[str, int] = {}
        self.healed = 0.0  # when a split ended last
        self.wanted = dict.fromkeys(self.nodes, self.spec)
        self.count = 0
        for node in self.nodes.values():
            node.boot(self.spec, self.now)
            self._see_all(node)
        for _ in range(8):
            self.second(events=False)
        assert all(node.announced for node in self.nodes.values())

    # -- time

    def second(self, *, events: bool = True) -> None:
        self.now += 1.0
        due = [each for each in self.later if each[0] <= self.now]
        self.later = [each for each in self.later if each[0] > self.now]
        for _, call in sorted(due, key=lambda each: each[0]):
            call()
            self.settle()
        self.reports()
        self.settle()
        if events:
            self._events()
        if not any(node.announced for node in self.nodes.values()):
            return
        for node in self.running():
            if self.draw.random() < 0.1:
                node.plane.scan(self.now)
            if self.now % (LIFETIME // 4) == 0:
                for told in list(node.plane.living()):
                    self.tell(node, told)
        self._traffic()

    def running(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.fleet]

    def wait(self, seconds: float, call: Callable[[], None]) -> None:
        self.later.append((self.now + seconds, call))

    # -- the network between load balancers

    def together(self, one: Node, other: Node) -> bool:
        return self.parts.get(one.name) == self.parts.get(other.name)

    def lost(self) -> bool:
        return self.draw.random() < self.chances.loss

    def reports(self) -> None:
        for node in self.running():
            self.say(node)

    def say(self, node: Node, *, restarting: bool = False) -> None:
        report = node.report(restarting=restarting)
        for peer in self.running():
            if peer is not node and self.together(node, peer) and not self.lost():
                peer.hear(node.name, report, self.now)

    def settle(self) -> None:
        """Whoever heard something acts on it, and says what is new of it, until nothing is."""
        for _ in range(4):
            before = {node.name: node.report() for node in self.running()}
            for node in self.running():
                news = node.advance(self.now)
                for peer in (news.learn_from, *news.ask):
                    self._learn(node, peer, everything=peer == news.learn_from)
            changed = [node for node in self.running() if node.report() != before[node.name]]
            if not changed:
                return
            for node in changed:
                self.say(node)

    def _learn(self, node: Node, peer: str | None, *, everything: bool) -> None:
        other = self.nodes.get(peer or "")
        if other and other.fleet and self.together(node, other):
            node.learn(other, self.now, everything=everything)
        elif everything and node.fleet and peer:
            node.fleet.learning.failed(peer)

    def tell(self, node: Node, told: Told) -> None:
        for peer in self.running():
            if peer is not node and self.together(node, peer) and not self.lost():
                peer.take(told)

    def _tell_new(self, node: Node) -> None:
        """What is stored while vc5d is away waits in the ring buffer."""
        for told in list(node.plane.told()) if node.fleet else ():
            self.tell(node, told)
            if self.chances.loss:
                self.wait(1.0, partial(self._again, node, told))

    def _again(self, node: Node, told: Told) -> None:
        if node.fleet:
            self.tell(node, told)

    # -- events

    def _events(self) -> None:
        draw, chances = self.draw, self.chances
        if draw.random() < chances.health:
            self.health()
        if draw.random() < chances.document:
            self.roll_out()
        if draw.random() < chances.crash:
            self.crash()
        if draw.random() < chances.restart:
            self.restart()
        if chances.cut and not self.parts and draw.random() < chances.cut:
            self.parts = {name: draw.randrange(2) for name in self.nodes}
            self.wait(draw.randrange(2, 40), self.heal)
        self.settle()

    def heal(self) -> None:
        self.parts.clear()
        self.healed = self.now

    def health(self) -> None:
        """A real dies or comes back, and load balancers notice one after another; or only one thinks so."""
        draw, real = self.draw, self.draw.choice(list(POOL))
        up = real in self.dead or draw.random() < 0.6
        if draw.random() < 0.5 and len(self._well()) > FEWEST and not self.parts:
            node = draw.choice(self.running() or [None])
            if node:
                self._see(node, real, node.up.get(real) is not True and real not in self.dead)
            return
        if up or len(self._well() - {real}) >= FEWEST:
            (self.dead.discard if up else self.dead.add)(real)
            for node in self.nodes.values():
                self.wait(draw.randrange(0, 6), partial(self._notice, node, real))

    def _well(self) -> set[int]:
        """Reals that all load balancers would take."""
        nodes = self.running()
        return {r for r in POOL if all(n.up.get(r) and r in n.plane.configured for n in nodes)}

    def _notice(self, node: Node, real: int) -> None:
        self._see(node, real, real not in self.dead)

    def _see(self, node: Node, real: int, up: bool) -> None:
        node.see(real, up, self.now)
        self.settle()
        if not self.alive(real):
            self.clients = {n: client for n, client in self.clients.items() if client.real != real}

    def _see_all(self, node: Node) -> None:
        for real in POOL:
            node.see(real, real not in self.dead, self.now)

    def alive(self, real: int) -> bool:
        return real not in self.dead and any(node.up.get(real) for node in self.running())

    def roll_out(self) -> None:
        draw, reals, size = self.draw, set(self.spec.reals), self.spec.size
        if draw.random() < 0.5 and len(reals & self._well()) > FEWEST + 1:
            reals.remove(draw.choice(sorted(reals)))
        else:
            reals.add(draw.choice(list(POOL)))
        if draw.random() < 0.2:
            size = draw.choice(SIZES)
        self.spec = spec = Spec(self.spec.number + 1, frozenset(reals), size)
        for node in self.nodes.values():
            self.wait(draw.randrange(0, self.chances.apart), partial(self._reload, node, spec))

    def _reload(self, node: Node, spec: Spec) -> None:
        if spec.number > self.wanted[node.name].number:
            self.wanted[node.name] = spec
            if node.fleet:
                node.reload(spec, self.now)

    def crash(self) -> None:
        """A power cut, and a return."""
        node = self.draw.choice(list(self.nodes.values()))
        if node.fleet and sum(n.announced for n in self.running()) > 1 and node.announced:
            node.off()
            self.wait(self.draw.randrange(1, 40), partial(self._boot, node))
            self._forget_dead()

    def _boot(self, node: Node) -> None:
        node.boot(self.wanted[node.name], self.now)
        self._see_all(node)

    def restart(self) -> None:
        """vc5d alone, as in an upgrade: packets go on."""
        node = self.draw.choice(list(self.nodes.values()))
        if node.fleet and node.fleet.learning.learned and len(self.running()) > 1:
            self.say(node, restarting=True)
            node.restart_begins()
            self._forget_dead()
            self.wait(self.draw.randrange(1, 8), partial(self._start, node))

    def _start(self, node: Node) -> None:
        node.start(self.wanted[node.name], self.now)
        self._see_all(node)
        self._tell_new(node)

    def _forget_dead(self) -> None:
        self.clients = {n: c for n, c in self.clients.items() if self.alive(c.real)}

    # -- clients

    def _traffic(self) -> None:
        draw = self.draw
        for _ in range(6):
            self._open()
        for number, client in list(self.clients.items()):
            if draw.random() < 0.15 or self.now - client.last > QUIET - 10:
                self._send(number, client)
            elif draw.random() < 0.015:
                del self.clients[number]
                self.ended.append(number)

    def _open(self) -> None:
        draw = self.draw
        away = any(node.announced and not node.fleet for node in self.nodes.values())
        if self.ended and draw.random() < 0.2 and not away:
            number = self.ended.pop(draw.randrange(len(self.ended)))  # addresses and ports used again
        else:
            self.count += 1
            number = self.count
        node = draw.choice([node for node in self.nodes.values() if node.announced])
        syn, other = packets(number)
        real = node.plane.packet(syn, self.now)
        if real is None:
            return
        if draw.random() < 0.2:
            node.plane.packet(syn, self.now)
        answered = node.plane.packet(other, self.now)
        self._tell_new(node)
        self.out.packets, self.out.flows = self.out.packets + 2, self.out.flows + 1
        if self.alive(real):
            self.clients[number] = Client(real, self.now, node.name, syn, other, self.now)
            if answered != real:
                self._broke(number, node)

    def _send(self, number: int, client: Client) -> None:
        node = self._way(client)
        if node is None:
            return
        client.last, client.at = self.now, node.name
        real = node.plane.packet(client.other, self.now)
        self._tell_new(node)
        self.out.packets += 1
        if real != client.real:
            self._broke(number, node)

    def _way(self, client: Client) -> Node | None:
        """Routers keep a flow's way while it is there. In the first moments nobody else knows the flow; while
        vc5d is away or learns, its flows stay where they are; and so they do while the fleet is split, and
        until all living flows were told once more."""
        node = self.nodes[client.at]
        others = [n for n in self.nodes.values() if n.announced and n.fleet and n.fleet.learning.learned]
        if node.announced:
            calm = bool(node.fleet and node.fleet.learning.learned) and not self.parts
            calm &= not self.healed or self.now - self.healed > LIFETIME // 4
            patient = 3.0 if self.chances.loss else 0.0
            if not calm or self.now - client.began < patient or self.draw.random() > self.chances.move:
                return node
        return self.draw.choice(others) if others else None

    def _broke(self, number: int, node: Node) -> None:
        self.out.broken += 1
        del self.clients[number]


def play(seed: int, chances: Chances, without: frozenset[str] = frozenset(), seconds: int = 400) -> Outcome:
    world = World(seed, chances, without)
    for _ in range(seconds):
        world.second()
    return world.out
