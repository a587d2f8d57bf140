"""Reals in other networks: outer headers, DSCP marking, and what is said of packets that do not fit."""

from __future__ import annotations

import ipaddress
import struct

from . import icmp
from .frames import rewrite
from .parsing import Packet
from .state import ICMP, ICMP6, TCP, UDP, Real, Tunnel

TTL, LEAST6, PRECEDENCE = 64, 1280, 0xC0
DONT_FRAGMENT = 0x4000
QUOTES = {4: 548, 6: 1232}
PLACES = {TCP: 16, UDP: 6, ICMP6: 2}  # of the checksum over the addresses
IPIP, IPV6, GRE = 4, 41, 47  # protocols


def ones(data: bytes) -> int:
    """RFC 1071, the sum itself."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def packet_of(packet: Packet, frame: bytes) -> bytes:
    """Without what pads the frame."""
    return frame[packet.ip : packet.end]


def fits(packet: Packet, frame: bytes, tunnel: Tunnel) -> bool:
    return tunnel.type == "dscp" or not tunnel.mtu or len(packet_of(packet, frame)) <= tunnel.mtu


def away(packet: Packet, frame: bytes, real: Real, h: int) -> bytes:
    """The frame as it goes on its way to the real. `h`: the flow hash."""
    assert real.tunnel
    if real.tunnel.type == "dscp":
        return rewrite(_marked(packet, frame, real), packet.tag, real)
    headers, proto = outer(packet, frame, real, h)
    front = rewrite(frame[: packet.ip], packet.tag, real)[:-2]
    return front + struct.pack("!H", proto) + headers + frame[packet.ip :]


def outer(packet: Packet, frame: bytes, real: Real, h: int) -> tuple[bytes, int]:
    """The outer headers, and their ethertype."""
    tunnel, inside = real.tunnel, packet_of(packet, frame)
    assert tunnel
    protocol, shim = _shim(packet, tunnel, len(inside), h)
    source, to = (ipaddress.ip_address(text).packed for text in (tunnel.source, real.address))
    tos = (inside[0] << 8 | inside[1]) >> 4 & 0xFF if packet.six else inside[1]
    size = len(shim) + len(inside)
    if len(to) == 16:
        head = struct.pack("!IHBB", 6 << 28 | tos << 20 | h & 0xFFFFF, size, protocol, TTL)
        return head + source + to + shim, 0x86DD
    id, fragment = 0, DONT_FRAGMENT
    if not packet.six:
        id, bits = struct.unpack("!HH", inside[4:8])
        fragment = bits & DONT_FRAGMENT
        id = 0 if fragment else id ^ bits ^ h >> 16 & 0xFFFF
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + size, id, fragment, TTL, protocol, 0) + source + to
    return head[:10] + struct.pack("!H", ones(head) ^ 0xFFFF) + head[12:] + shim, 0x0800


def _shim(packet: Packet, tunnel: Tunnel, inside: int, h: int) -> tuple[int, bytes]:
    """The outer protocol, and what stands behind the outer IP header."""
    own = IPV6 if packet.six else IPIP
    if tunnel.type == "ipip":
        return own, b""
    if tunnel.type == "gre":
        return GRE, struct.pack("!HH", 0, 0x86DD if packet.six else 0x0800)
    gue = bytes((0, own, 0, 0)) if tunnel.type == "gue" else b""
    port = 49152 + h % 16384
    return UDP, struct.pack("!HHHH", port, tunnel.port, 8 + len(gue) + inside, 0) + gue


def _marked(packet: Packet, frame: bytes, real: Real) -> bytes:
    """With the real's address for the VIP, and the DSCP that says which VIP it was."""
    assert real.tunnel
    out, ip = bytearray(frame), packet.ip
    to, dscp = ipaddress.ip_address(real.address).packed, real.tunnel.dscp
    places = [(ip + (24 if packet.six else 16) + n, n) for n in range(0, len(to), 2)]
    if packet.part != "later" and packet.protocol in PLACES and (packet.six or packet.protocol != ICMP6):
        check = packet.at + PLACES[packet.protocol]
        if packet.protocol != UDP or any(frame[check : check + 2]):
            for at, n in places:
                icmp._set(
                    out, check, icmp.update(icmp._word(out, check), icmp._word(frame, at), icmp._word(to, n))
                )
            if packet.protocol == UDP and not any(out[check : check + 2]):
                icmp._set(out, check, 0xFFFF)
    for at, n in places:
        out[at : at + 2] = to[n : n + 2]
    if packet.six:
        icmp._set(out, ip, icmp._word(frame, ip) & 0xF03F | dscp << 6)
        return bytes(out)
    out[ip + 1] = dscp << 2 | frame[ip + 1] & 3
    for at in (ip, *(at for at, _ in places)):
        check = icmp.update(icmp._word(out, ip + 10), icmp._word(frame, at), icmp._word(out, at))
        icmp._set(out, ip + 10, check)
    return bytes(out)


def is_told(packet: Packet, frame: bytes) -> bool:
    """Whether the sender of a packet that does not fit hears of it."""
    if (
        not icmp.answerable(packet)
        or packet.part == "later"
        or packet.protocol == (ICMP6 if packet.six else ICMP)
    ):
        return False
    return not packet.six or len(packet_of(packet, frame)) > LEAST6


def too_big(packet: Packet, frame: bytes, mtu: int) -> bytes:
    """What its sender is told."""
    inside = packet_of(packet, frame)
    quote = inside[: min(len(inside), QUOTES[6 if packet.six else 4]) // 4 * 4]
    front = frame[6:12] + frame[0:6] + frame[12 : packet.ip]
    if packet.six:
        body = struct.pack("!BBHI", 2, 0, 0, max(mtu, LEAST6)) + quote
        pseudo = packet.daddr + packet.saddr + struct.pack("!II", len(body), ICMP6)
        head = struct.pack("!IHBB", 6 << 28 | PRECEDENCE << 20, len(body), ICMP6, TTL)
        head += packet.daddr + packet.saddr
    else:
        body, pseudo = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quote, b""
        head = struct.pack("!BBHHHBBH", 0x45, PRECEDENCE, 20 + len(body), 0, DONT_FRAGMENT, TTL, ICMP, 0)
        head += packet.daddr + packet.saddr
        head = head[:10] + struct.pack("!H", ones(head) ^ 0xFFFF) + head[12:]
    return front + head + body[:2] + struct.pack("!H", ones(pseudo + body) ^ 0xFFFF) + body[4:]
