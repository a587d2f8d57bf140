"""One load balancer: what becomes of a frame, in the order of bpf/DESIGN.md's first table."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from . import icmp, tunnels
from .counters import Blocks, Budget, Network, Prefixes, Sessions
from .fragments import Fragments
from .frames import is_ours, open_frame, rewrite
from .parsing import Packet, parse
from .state import Kept, Service
from .tracking import Flows

PASS, DROP, TX, REDIRECT = 2, 1, 3, 4  # enum xdp_action
LOOPBACK = 1  # the interface that a test run's packets come in by


@dataclass(slots=True)
class Outcome:
    """`reason` names why a packet was not forwarded; else `real` is (service, index) of who got it, and
    `new` whether it counts as a new flow. `refused`: a flow was not stored, for the budget."""

    verdict: int
    frame: bytes
    reason: str = ""
    real: tuple[int, int] | None = None
    new: bool = False
    refused: bool = False


@dataclass
class Balancer:
    """May be changed at will between packets; `reindex` after services, `down` or `blocked` changed."""

    services: list[Service]
    seed: int = 0
    lifetime: float = 900.0  # seconds
    salt: int = 1
    live: bool = True
    own: list[tuple[int, bytes]] = field(default_factory=list)  # see frames.is_ours
    vlans: set[int] = field(default_factory=lambda: {10, 20, 30})
    down: set[str] = field(default_factory=set)  # VIPs that are not up
    blocked: list[Network] = field(default_factory=list)
    inserts: int = 0
    echoes: int = 1000
    too_bigs: int = 1000
    session_mask: int = 0xFFFFFFFF
    now: int = 0

    def __post_init__(self) -> None:
        self.budget, self.sessions = Budget(), Sessions()
        self.flows, self.fragments, self.prefixes = Flows(self.budget), Fragments(), Prefixes()
        self.reindex()

    def reindex(self) -> None:
        self.vips = {service.packed for service in self.services}
        self._numbers = {
            (service.packed, service.port.to_bytes(2, "big"), service.protocol): number
            for number, service in enumerate(self.services)
        }
        self._down = {ipaddress.ip_address(address).packed for address in self.down}
        self._blocks = Blocks(self.blocked)
        self.budget.inserts, self.budget.echoes = self.inserts, self.echoes
        self.budget.too_bigs = self.too_bigs
        self.sessions.mask = self.session_mask
        self.flows.lifetime, self.flows.seed = self.lifetime, self.seed

    def process(self, frame: bytes) -> Outcome:
        opened = open_frame(frame)
        if isinstance(opened, str):
            return Outcome(PASS, frame, opened)
        if not self.live:
            return Outcome(PASS, frame, "PASS_NO_DOCUMENT")
        if not is_ours(frame, self.own, LOOPBACK):
            return Outcome(PASS, frame, "PASS_NOT_OURS")
        tag, version, at = opened
        if tag is not None and tag & 0xFFF and tag & 0xFFF not in self.vlans:
            return Outcome(PASS, frame, "PASS_UNKNOWN_VLAN")
        packet = parse(frame, version, at)
        packet.tag = tag
        if packet.daddr not in self.vips:
            return Outcome(PASS, frame, "PASS_NOT_VIP")
        if self._blocks.has(packet):
            return Outcome(DROP, frame, "DROP_BLOCKED")
        self.flows.now = self.now
        return self._to_vip(packet, frame)

    def _to_vip(self, packet: Packet, frame: bytes) -> Outcome:
        if packet.fault == "DROP_MALFORMED":
            return Outcome(DROP, frame, packet.fault)
        if packet.part == "later":
            return self._later_fragment(packet, frame)
        if packet.fault:
            return Outcome(DROP, frame, packet.fault)
        if packet.icmp:
            return self._icmp(packet, frame)
        number = self.find(packet)
        if number is None:
            return Outcome(DROP, frame, "DROP_UNKNOWN_PORT")
        return self._to_service(number, packet, frame)

    def find(self, packet: Packet) -> int | None:
        """The number of a packet's service."""
        address, protocol = packet.daddr, packet.protocol
        number = self._numbers.get((address, packet.dport, protocol))
        return self._numbers.get((address, b"\0\0", protocol)) if number is None else number

    def _to_service(self, number: int, packet: Packet, frame: bytes) -> Outcome:
        service = self.services[number]
        choice = self.flows.select(service, packet)
        outcome = self._send(number, choice.index, packet, frame, choice.hash)
        outcome.refused = choice.refused
        if outcome.real:
            outcome.new = choice.new
            kept = Kept(outcome.real, service.reals[outcome.real[1]].id, self.now)
            self.sessions.see(packet, packet.key, choice.hash, kept)
            if packet.part == "first":
                self.fragments.see_first(packet, kept)
        return outcome

    def _send(self, number: int, index: int | None, packet: Packet, frame: bytes, h: int = 0) -> Outcome:
        if index is None:
            return Outcome(DROP, frame, "DROP_NO_REAL")
        real = self.services[number].reals[index]
        if not real.mac:
            return Outcome(DROP, frame, "DROP_NO_NEIGHBOR")
        if frame[0:6] == real.mac:
            return Outcome(PASS, frame, "PASS_AT_REAL")
        if real.tunnel and not tunnels.fits(packet, frame, real.tunnel):
            return self._too_big(packet, frame, real.tunnel.mtu)
        out = tunnels.away(packet, frame, real, h) if real.tunnel else rewrite(frame, packet.tag, real)
        verdict = REDIRECT if real.ifindex not in (0, LOOPBACK) else TX
        self.prefixes.see(packet, (number, index))
        return Outcome(verdict, out, real=(number, index))

    def _too_big(self, packet: Packet, frame: bytes, mtu: int) -> Outcome:
        if not tunnels.is_told(packet, frame):
            return Outcome(DROP, frame, "DROP_TOO_BIG")
        if not self.budget.too_big(self.now):
            return Outcome(DROP, frame, "DROP_TOO_BIG_LIMIT")
        return Outcome(TX, tunnels.too_big(packet, frame, mtu), "ANSWER_TOO_BIG")

    def _later_fragment(self, packet: Packet, frame: bytes) -> Outcome:
        kept = None if packet.icmp else self.fragments.find(packet, self.now)
        if kept and kept.place[0] < len(self.services):
            number, index = kept.place
            real = self.services[number].reals[index]
            if real.id == kept.real_id and real.alive:
                return self._send(number, index, packet, frame)
        return Outcome(DROP, frame, "DROP_FRAGMENT")

    def _icmp(self, packet: Packet, frame: bytes) -> Outcome:
        if packet.part:
            return Outcome(DROP, frame, "DROP_FRAGMENT")
        if icmp.is_discovery(packet, frame):
            return Outcome(PASS, frame, "PASS_NEIGHBOR_DISCOVERY")
        if icmp.is_echo(packet, frame):
            return self._echo(packet, frame)
        inner = icmp.quoted(packet, frame) if icmp.is_error(packet, frame) else None
        number = self.find(inner) if inner else None
        if inner is None or number is None:
            return Outcome(DROP, frame, "DROP_ICMP")
        choice = self.flows.select(self.services[number], inner, asking=True)
        return self._send(number, choice.index, packet, frame, choice.hash)

    def _echo(self, packet: Packet, frame: bytes) -> Outcome:
        if not icmp.answerable(packet):
            return Outcome(DROP, frame, "DROP_MALFORMED")
        if packet.daddr in self._down:
            return Outcome(DROP, frame, "DROP_VIP_DOWN")
        if not self.budget.echo(self.now):
            return Outcome(DROP, frame, "DROP_ECHO_LIMIT")
        return Outcome(TX, icmp.answer(packet, frame), "ANSWER_ECHO")
