"""What is counted and limited beside the verdict: budgets, sampled sessions and prefixes, blocked sources."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from .hashes import FlowKey, session_key
from .parsing import FIN, RST, Packet
from .state import TCP, Kept

TICK = 1 << 30  # nanoseconds: the second of budgets and sessions
PREFIX_SAMPLE = 64
KINDS = ("tcp", "syn", "udp")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass
class Budget:
    """What may still be done in this second. `inserts` 0: no limit."""

    inserts: int = 0
    echoes: int = 1000
    too_bigs: int = 1000
    second: int = -1
    spent: dict[str, int] = field(default_factory=dict)

    def insert(self, kind: str, now: int) -> bool:
        return not self.inserts or self._spend(kind, self.inserts, now)

    def echo(self, now: int) -> bool:
        return self._spend("echo", self.echoes, now)

    def too_big(self, now: int) -> bool:
        return self._spend("too big", self.too_bigs, now)

    def _spend(self, what: str, limit: int, now: int) -> bool:
        if now // TICK != self.second:
            self.second, self.spent = now // TICK, {}
        if self.spent.get(what, 0) >= limit:
            return False
        self.spent[what] = self.spent.get(what, 0) + 1
        return True


@dataclass
class Sessions:
    """Sampled flows by session key. `mask`: those whose hash has none of its bits."""

    mask: int = 0xFFFFFFFF
    kept: dict[int, Kept] = field(default_factory=dict)

    def see(self, packet: Packet, key: FlowKey, h: int, kept: Kept) -> None:
        """A forwarded packet; `kept`: its real, now."""
        if h & self.mask or packet.syn:
            return
        name = session_key(h, key, packet.protocol)
        old = self.kept.get(name)
        if packet.protocol == TCP and packet.flags & (FIN | RST):
            if old:
                old.real_id, old.time = 0, kept.time
        elif old is None or abs(kept.time - old.time) >= TICK or self._moved(old, kept):
            self.kept[name] = kept

    @staticmethod
    def _moved(old: Kept, kept: Kept) -> bool:
        return old.real_id != 0 and (old.place, old.real_id) != (kept.place, kept.real_id)


@dataclass
class Prefixes:
    """Forwarded packets by source prefix: /20 as its number, /48 as its number."""

    four: dict[int, int] = field(default_factory=dict)
    six: dict[int, int] = field(default_factory=dict)
    packets: dict[tuple[int, int], int] = field(default_factory=dict)  # by real

    def see(self, packet: Packet, place: tuple[int, int]) -> None:
        self.packets[place] = count = self.packets.get(place, 0) + 1
        if count % PREFIX_SAMPLE:
            return
        counts, bits = (self.six, 48) if packet.six else (self.four, 20)
        number = int.from_bytes(packet.saddr, "big") >> (len(packet.saddr) * 8 - bits)
        counts[number] = counts.get(number, 0) + 1


class Blocks:
    """Blocked source prefixes."""

    def __init__(self, networks: list[Network]) -> None:
        self.networks = networks
        self._ranges = {
            version: [
                (int(network.network_address), int(network.broadcast_address))
                for network in networks
                if network.version == version
            ]
            for version in (4, 6)
        }

    def has(self, packet: Packet) -> bool:
        ranges = self._ranges[6 if packet.six else 4]
        if not ranges:
            return False
        source = int.from_bytes(packet.saddr, "big")
        return any(low <= source <= high for low, high in ranges)
