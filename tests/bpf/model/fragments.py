"""Later fragments have no ports: they follow the first one of their datagram, for five seconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .parsing import Packet
from .state import NS, Kept

LIFETIME = 5 * NS
FragmentKey = tuple[bytes, bytes, bytes, int]  # source, destination, id; protocol, 0 for IPv6


def fragment_key(packet: Packet) -> FragmentKey:
    return packet.saddr, packet.daddr, packet.id, 0 if packet.six else packet.protocol


@dataclass
class Fragments:
    kept: dict[FragmentKey, Kept] = field(default_factory=dict)

    def see_first(self, packet: Packet, kept: Kept) -> None:
        """A first fragment that was forwarded."""
        self.kept[fragment_key(packet)] = replace(kept)

    def find(self, packet: Packet, now: int) -> Kept | None:
        """Where a later fragment's first one went, if not too long ago."""
        kept = self.kept.get(fragment_key(packet))
        return kept if kept and now - kept.time <= LIFETIME else None
