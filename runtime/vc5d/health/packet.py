"""TCP segments for the half-open check: bytes of a header, and back. RFC 9293, section 3.1.

IPv4 only so far; the IP header itself is the kernel's work.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

SYN = 0x02
RST = 0x04
ACK = 0x10

_HEADER = struct.Struct(
    "!HHIIBBHHH"
)  # ports, sequence, acknowledged, length, flags, window, checksum, urgent
_MSS_OPTION = struct.pack("!BBH", 2, 4, 1460)
_WINDOW = 65535


@dataclass(frozen=True)
class Segment:
    source_port: int
    destination_port: int
    sequence: int
    acknowledged: int
    flags: int


def build(segment: Segment, source: str, destination: str) -> bytes:
    """The segment's bytes, with the checksum that the two IPv4 addresses make."""
    options = _MSS_OPTION if segment.flags & SYN else b""
    length = _HEADER.size + len(options)

    def header(checksum: int) -> bytes:
        return _HEADER.pack(
            segment.source_port,
            segment.destination_port,
            segment.sequence,
            segment.acknowledged,
            length // 4 << 4,
            segment.flags,
            _WINDOW,
            checksum,
            0,
        )

    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, 6, length)
    return header(internet_checksum(pseudo + header(0) + options)) + options


def parse_ipv4(packet: bytes) -> Segment | None:
    """The segment in an IPv4 packet as a raw socket delivers it; None if it is cut short."""
    start = (packet[0] & 0x0F) * 4 if packet else 0
    if start < 20 or len(packet) < start + _HEADER.size:
        return None
    source, destination, sequence, acknowledged, _, flags, _, _, _ = _HEADER.unpack_from(packet, start)
    return Segment(source, destination, sequence, acknowledged, flags)


def internet_checksum(data: bytes) -> int:
    """RFC 1071: the complement of the ones' complement sum of 16-bit words in network order."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
