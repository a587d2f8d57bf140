"""Layer 2: what of a frame is IP, and how a forwarded frame leaves."""

from __future__ import annotations

import struct

from .state import Real

TAGS = (b"\x81\x00", b"\x88\xa8")  # 802.1Q and 802.1ad


def open_frame(frame: bytes) -> tuple[int | None, int, int] | str:
    """The tag's 16 bits (None: untagged), the IP version and where its header begins; or why to pass."""
    if frame[0] & 1:
        return "PASS_NOT_UNICAST"
    tag, at, proto = None, 14, frame[12:14]
    if proto in TAGS:
        if len(frame) < 18:
            return "PASS_NOT_IP"
        tag, at, proto = frame[14] << 8 | frame[15], 18, frame[16:18]
    left = len(frame) - at
    if proto == b"\x08\x00" and left >= 20 and frame[at] >> 4 == 4 and frame[at] & 15 >= 5:
        return tag, 4, at
    if proto == b"\x86\xdd" and left >= 40 and frame[at] >> 4 == 6:
        return tag, 6, at
    return "PASS_NOT_IP"


def is_ours(frame: bytes, own: list[tuple[int, bytes]], interface: int) -> bool:
    """Whether it was sent to a MAC of the interface that it came in by. `own`: pairs of these, of indexes the
    lower 16 bits; none: any frame is ours. Interface 0: whichever; either all pairs have it or none has."""
    here = [mac for port, mac in own if not port or (port - interface) % 65536 == 0]
    return not own or frame[:6] in here


def rewrite(frame: bytes, tag: int | None, real: Real) -> bytes:
    """The frame as it leaves: MAC addresses and tag are all that differs."""
    assert real.mac
    macs = real.mac + frame[0:6]
    if tag is None:
        return macs + (struct.pack("!HH", 0x8100, real.vlan) if real.vlan else b"") + frame[12:]
    if not real.vlan:
        return macs + frame[16:]
    return macs + frame[12:14] + struct.pack("!H", tag & 0xF000 | real.vlan) + frame[16:]
