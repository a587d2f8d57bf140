"""Frames that nobody would send: good ones with faults that keep most of the packet plausible.

A mutation takes a frame as a bytearray and gives back a frame; none makes it shorter than an Ethernet header.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from . import cases_fragments, cases_icmp, cases_layer2, cases_layer3
from .model import UDP
from .packets import (
    FAMILIES,
    MAC,
    ethernet,
    fragment_header,
    options_header,
    packed,
    routing_header,
    tcp,
    udp,
)

LONGEST = 1500
HEADERS = 90  # most faults go where the headers are
VALUES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 17, 43, 44, 58, 59, 60, 127, 128, 129, 135, 224, 254, 255)
PROTOCOLS = (0, 1, 6, 6, 17, 17, 43, 44, 50, 51, 58, 59, 60, 132, 135)
PORTS = (0, 53, 80, 81, 443, 7000, 40000, 65535)
TAGS = (0, 10, 20, 30, 63, 64, 0xB00A, 0xE000, 0x1014, 4095)
FLOWS = 48  # flows of one client: few, so that packets meet what others left

Mutation = Callable[[random.Random, bytearray], bytearray]


def corpus() -> list[bytes]:
    """What is mutated: the cases' frames, and flows and fragments that have to do with each other."""
    frames = [
        case.frame
        for module in (cases_layer2, cases_layer3, cases_icmp, cases_fragments)
        for case in module.CASES
        if len(case.frame) < 400
    ]
    for family in FAMILIES:
        for flow in range(FLOWS):
            frames += [family.tcp(flags, flow) for flags in ("S", "A", "A", "FA", "R", "SA")]
            frames += [family.udp(flow), family.udp(flow, 7000), family.tcp("A", flow, 7000)]
            frames.append(ethernet(family.error(family.answer(tcp(80, flow)))))
            frames.append(ethernet(family.error(family.answer(udp(53, flow), UDP))))
            frames.append(family.fragment(tcp(flow, 80), more=True, id=flow % 8))
            frames.append(family.fragment(udp(flow, 53, length=999), UDP, more=True, id=flow % 8))
            frames += [family.fragment(bytes(9), protocol, 8, id=flow % 8) for protocol in (6, UDP)]
    return frames


def _at(frame: bytearray) -> int:
    """Where the IP header is likely to begin."""
    return 18 if frame[12:14] in (b"\x81\x00", b"\x88\xa8") else 14


def _six(frame: bytearray, at: int) -> bool:
    return len(frame) > at and frame[at] >> 4 == 6


def flip_bit(r: random.Random, frame: bytearray) -> bytearray:
    frame[_place(r, frame)] ^= 1 << r.getrandbits(3)
    return frame


def set_byte(r: random.Random, frame: bytearray) -> bytearray:
    frame[_place(r, frame)] = r.choice(VALUES)
    return frame


def any_byte(r: random.Random, frame: bytearray) -> bytearray:
    frame[_place(r, frame)] = r.getrandbits(8)
    return frame


def _place(r: random.Random, frame: bytearray) -> int:
    return r.randrange(min(len(frame), HEADERS) if r.getrandbits(3) else len(frame))


def cut(r: random.Random, frame: bytearray) -> bytearray:
    return frame[: r.randint(14, len(frame))]


def cut_and_mend(r: random.Random, frame: bytearray) -> bytearray:
    return mend(r, cut(r, frame))


def pad(r: random.Random, frame: bytearray) -> bytearray:
    return frame + r.randbytes(r.randint(1, 40))


def mend(r: random.Random, frame: bytearray) -> bytearray:
    """The IP header's length as the frame has it, or one off."""
    at = _at(frame)
    wrong = r.choice((0, 0, 0, 0, 0, -1, 1))
    if _six(frame, at) and len(frame) >= at + 40:
        length = max(0, min(0xFFFF, len(frame) - at - 40 + wrong))
        frame[at + 4 : at + 6] = length.to_bytes(2, "big")
    elif len(frame) >= at + 20:
        length = max(0, min(0xFFFF, len(frame) - at + wrong))
        frame[at + 2 : at + 4] = length.to_bytes(2, "big")
    return frame


def protocol(r: random.Random, frame: bytearray) -> bytearray:
    at = _at(frame)
    where = at + (6 if _six(frame, at) else 9)
    if where < len(frame):
        frame[where] = r.choice(PROTOCOLS)
    return frame


def address(r: random.Random, frame: bytearray) -> bytearray:
    at = _at(frame)
    family = FAMILIES[_six(frame, at)]
    size, source = (16, at + 8) if family.version == 6 else (4, at + 12)
    where = source + size * r.getrandbits(1)
    if len(frame) >= where + size:
        known = (family.vip, family.other_vip, family.host, family.client, family.router)
        frame[where : where + size] = packed(r.choice(known)) if r.getrandbits(2) else r.randbytes(size)
    return frame


def port(r: random.Random, frame: bytearray) -> bytearray:
    where = _transport(frame) + 2 * r.getrandbits(1)
    if len(frame) >= where + 2:
        frame[where : where + 2] = r.choice(PORTS).to_bytes(2, "big")
    return frame


def tcp_flags(r: random.Random, frame: bytearray) -> bytearray:
    where = _transport(frame) + 13
    if where < len(frame):
        frame[where] = r.getrandbits(6)
    return frame


def _transport(frame: bytearray) -> int:
    at = _at(frame)
    return at + (40 if _six(frame, at) else (frame[at] & 15) * 4 if at < len(frame) else 20)


def tag(r: random.Random, frame: bytearray) -> bytearray:
    """Adds, changes or takes away a tag."""
    tci = r.choice(TAGS) if r.getrandbits(3) else r.getrandbits(16)
    if _at(frame) == 14:
        kind = b"\x81\x00" if r.getrandbits(2) else b"\x88\xa8"
        return frame[:12] + kind + tci.to_bytes(2, "big") + frame[12:]
    if r.getrandbits(1) or len(frame) < 18:
        return frame[:14] + tci.to_bytes(2, "big") + frame[16:]
    return frame[:12] + frame[16:]


def insert_header(r: random.Random, frame: bytearray) -> bytearray:
    """IPv6: an extension header in front; IPv4: options. The lengths follow."""
    at = _at(frame)
    if _six(frame, at) and len(frame) >= at + 40:
        number, rest = _extension(r)
        header, frame[at + 6] = bytes([frame[at + 6]]) + rest, number
        return mend(r, frame[: at + 40] + header + frame[at + 40 :])
    if len(frame) >= at + 20 and frame[at] & 15 < 15:
        frame[at] += 1
        return mend(r, frame[: at + 20] + r.randbytes(4) + frame[at + 20 :])
    return frame


def _extension(r: random.Random) -> tuple[int, bytes]:
    kind = r.randrange(6)
    if kind < 3:
        return options_header(r.choice((0, 60)), r.choice((0, 0, 0, 1, 2)))
    if kind == 3:
        return routing_header(r.choice((0, 0, 0, 1)))
    return fragment_header(r.choice((0, 0, 8, 16)), bool(r.getrandbits(1)), r.randrange(8))


def splice(r: random.Random, frame: bytearray) -> bytearray:
    """A piece of it again, somewhere else."""
    begin, to = r.randrange(14, len(frame) + 1), r.randrange(14, len(frame) + 1)
    return mend(r, frame[:to] + frame[begin : begin + r.choice((1, 2, 4, 8, 20, 40))] + frame[to:])


def fragment(r: random.Random, frame: bytearray) -> bytearray:
    """IPv4's fragment field and id."""
    at = _at(frame)
    if not _six(frame, at) and len(frame) >= at + 20:
        frame[at + 4 : at + 6] = r.randrange(8).to_bytes(2, "big")
        frame[at + 6 : at + 8] = r.choice((0, 0x2000, 0x2001, 1, 0x4000, 0x8000, 0x1FFF)).to_bytes(2, "big")
    return frame


def destination_mac(r: random.Random, frame: bytearray) -> bytearray:
    frame[0:6] = r.choice((MAC, MAC[:5] + bytes([r.randrange(8)]), b"\xff" * 6, r.randbytes(6)))
    return frame


def icmp_type(r: random.Random, frame: bytearray) -> bytearray:
    where = _transport(frame)
    if where < len(frame):
        frame[where] = r.choice((0, 1, 2, 3, 4, 8, 11, 12, 128, 129, 133, 135, 137, 138))
    return frame


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    flip_bit,
    set_byte,
    any_byte,
    cut,
    cut_and_mend,
    cut_and_mend,
    pad,
    mend,
    protocol,
    address,
    port,
    tcp_flags,
    tag,
    insert_header,
    insert_header,
    splice,
    fragment,
    destination_mac,
    icmp_type,
)


def mutate(r: random.Random, frame: bytes) -> bytes:
    """With none to four faults."""
    out = bytearray(frame)
    for _ in range(r.choice((0, 1, 1, 2, 2, 3, 4))):
        out = MUTATIONS[int(r.random() * len(MUTATIONS))](r, out)
    return bytes(out[:LONGEST])
