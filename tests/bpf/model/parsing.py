"""Layers 3 and 4: a packet's addresses, ports and flags, and what is wrong with it if it is for a VIP."""

from __future__ import annotations

from dataclasses import dataclass

from .hashes import FlowKey
from .state import ICMP, ICMP6, TCP, UDP

HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
MOST_HEADERS = 6
FIN, SYN, RST, ACK = 1, 2, 4, 16


@dataclass(slots=True)
class Packet:
    """`at` and `end`: where the transport header begins and the packet ends, in the frame. `fault`: the
    reason to drop it, if it is for a VIP. `part`: "", "first" or "later" of a fragmented datagram."""

    six: bool
    saddr: bytes
    daddr: bytes
    protocol: int
    at: int
    end: int
    bare: bool = True  # neither IPv4 options nor IPv6 extension headers
    fault: str = ""
    part: str = ""
    id: bytes = b""
    sport: bytes = b""
    dport: bytes = b""
    flags: int = 0  # of TCP
    tag: int | None = None
    ip: int = 0  # where the IP header begins

    @property
    def icmp(self) -> bool:
        return self.protocol == (ICMP6 if self.six else ICMP)

    @property
    def syn(self) -> bool:
        """Of TCP: the first packet of a flow."""
        return self.flags & (SYN | ACK) == SYN

    @property
    def key(self) -> FlowKey:
        return self.saddr, self.daddr, self.sport, self.dport


def parse(frame: bytes, version: int, at: int) -> Packet:
    packet = _ipv4(frame, at) if version == 4 else _ipv6(frame, at)
    packet.ip = at
    if not packet.fault and packet.part != "later":
        _transport(packet, frame)
    return packet


def _ipv4(frame: bytes, at: int) -> Packet:
    header, total = (frame[at] & 15) * 4, frame[at + 2] << 8 | frame[at + 3]
    saddr, daddr = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
    packet = Packet(False, saddr, daddr, frame[at + 9], at + header, at + total, header == 20)
    if total < header or at + total > len(frame):
        packet.fault = "DROP_MALFORMED"
    fragment = frame[at + 6] << 8 | frame[at + 7]
    if fragment & 0x3FFF:
        packet.part = "later" if fragment & 0x1FFF else "first"
        packet.id = frame[at + 4 : at + 6]
    return packet


def _ipv6(frame: bytes, at: int) -> Packet:
    length = frame[at + 4] << 8 | frame[at + 5]
    saddr, daddr, begin = frame[at + 8 : at + 24], frame[at + 24 : at + 40], at + 40
    packet = Packet(True, saddr, daddr, frame[at + 6], begin, begin + length)
    if not length or packet.end > len(frame):
        packet.fault = "DROP_MALFORMED"
    else:
        walk(packet, frame)
    return packet


def walk(packet: Packet, frame: bytes) -> None:
    """Over the extension headers of IPv6, to the transport header or to what is wrong."""
    fragments = headers = 0
    while packet.protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION):
        kind, at = packet.protocol, packet.at
        headers, fragments = headers + 1, fragments + (kind == FRAGMENT)
        if headers > MOST_HEADERS or fragments > 1:
            packet.fault = "DROP_PROTOCOL"
            return
        size = 8 if at + 8 > packet.end or kind == FRAGMENT else (frame[at + 1] + 1) * 8
        if at + size > packet.end:
            packet.fault = "DROP_MALFORMED"
            return
        if kind == ROUTING and frame[at + 3]:
            packet.fault = "DROP_PROTOCOL"
            return
        packet.protocol, packet.at, packet.bare = frame[at], at + size, False
        if kind == FRAGMENT:
            bits = frame[at + 2] << 8 | frame[at + 3]
            packet.id = frame[at + 4 : at + 8]
            packet.part = "later" if bits & 0xFFF8 else "first" if bits & 1 else ""
            if packet.part == "later":
                return


def _transport(packet: Packet, frame: bytes) -> None:
    at, left = packet.at, packet.end - packet.at
    whole = True
    if packet.protocol == TCP:
        whole = left >= 20 and 20 <= (frame[at + 12] >> 4) * 4 <= left
        packet.flags = frame[at + 13] if whole else 0
    elif packet.protocol == UDP:
        whole = left >= 8 and (frame[at + 4] << 8 | frame[at + 5]) >= 8
        whole = whole and (packet.part == "first" or (frame[at + 4] << 8 | frame[at + 5]) <= left)
    elif packet.icmp:
        whole = left >= 8
    else:
        packet.fault = "DROP_PROTOCOL"
    if not whole:
        packet.fault = "DROP_MALFORMED"
    packet.sport, packet.dport = frame[at : at + 2], frame[at + 2 : at + 4]
