"""ICMP to a VIP: echo requests are answered, errors belong to the flow whose packet they quote."""

from __future__ import annotations

from .parsing import Packet, walk
from .state import TCP, UDP

DISCOVERY = range(133, 138)  # RFC 4861
ERRORS4, ERRORS6 = (3, 11, 12), (1, 2, 3, 4)
REPLY = {8: 0, 128: 129}
TTL = 64


def is_echo(packet: Packet, frame: bytes) -> bool:
    request = 128 if packet.six else 8
    return packet.bare and frame[packet.at : packet.at + 2] == bytes((request, 0))


def is_error(packet: Packet, frame: bytes) -> bool:
    return frame[packet.at] in (ERRORS6 if packet.six else ERRORS4)


def is_discovery(packet: Packet, frame: bytes) -> bool:
    return packet.six and frame[packet.at] in DISCOVERY


def answerable(packet: Packet) -> bool:
    """Whether the source is an address that one host has, and not the VIP itself."""
    source = packet.saddr
    if source == packet.daddr:
        return False
    if packet.six:
        return source[0] != 0xFF and source not in (bytes(16), bytes(15) + b"\1")
    return source[0] not in (0, 127) and source[0] < 224


def update(check: int, old: int, new: int) -> int:
    """RFC 1624, equation 3: a checksum after one of its words changed."""
    total = (~check & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _word(frame: bytes | bytearray, at: int) -> int:
    return frame[at] << 8 | frame[at + 1]


def _set(frame: bytearray, at: int, word: int) -> None:
    frame[at : at + 2] = word.to_bytes(2, "big")


def answer(packet: Packet, frame: bytes) -> bytes:
    """The reply to an echo request."""
    out, ip, at = bytearray(frame), packet.ip, packet.at
    out[0:6], out[6:12] = frame[6:12], frame[0:6]
    width, sources = (16, ip + 8) if packet.six else (4, ip + 12)
    out[sources : sources + 2 * width] = packet.daddr + packet.saddr
    if packet.six:
        out[ip + 7] = TTL
    else:
        out[ip + 8] = TTL
        _set(out, ip + 10, update(_word(frame, ip + 10), _word(frame, ip + 8), _word(out, ip + 8)))
    out[at] = REPLY[frame[at]]
    _set(out, at + 2, update(_word(frame, at + 2), _word(frame, at), _word(out, at)))
    return bytes(out)


def quoted(packet: Packet, frame: bytes) -> Packet | None:
    """The packet that an error quotes, turned around, as from the client. None: not one of ours."""
    inner = _quoted6(packet, frame) if packet.six else _quoted4(packet, frame)
    if inner is None or inner.fault or inner.part == "later" or inner.saddr != packet.daddr:
        return None
    if inner.protocol not in (TCP, UDP) or inner.at + 8 > inner.end:
        return None
    inner.saddr, inner.daddr = inner.daddr, inner.saddr
    inner.sport, inner.dport = frame[inner.at + 2 : inner.at + 4], frame[inner.at : inner.at + 2]
    return inner


def _quoted4(packet: Packet, frame: bytes) -> Packet | None:
    ip, end = packet.at + 8, packet.end
    if ip + 20 > end or frame[ip] >> 4 != 4 or frame[ip] & 15 < 5:
        return None
    saddr, daddr = frame[ip + 12 : ip + 16], frame[ip + 16 : ip + 20]
    inner = Packet(False, saddr, daddr, frame[ip + 9], ip + (frame[ip] & 15) * 4, end)
    if (frame[ip + 6] << 8 | frame[ip + 7]) & 0x1FFF:
        inner.part = "later"
    return inner


def _quoted6(packet: Packet, frame: bytes) -> Packet | None:
    ip, end = packet.at + 8, packet.end
    if ip + 40 > end or frame[ip] >> 4 != 6:
        return None
    inner = Packet(True, frame[ip + 8 : ip + 24], frame[ip + 24 : ip + 40], frame[ip + 6], ip + 40, end)
    walk(inner, frame)
    return inner
