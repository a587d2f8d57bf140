"""Datagrams: header, payload, MAC. Pure: no sockets, no clocks.

What cannot be one of this version, signed by a key that is known, is refused with its reason before anything
of its payload is looked at.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..xdp.layout import ShareDrop, ShareFormat
from .keys import MAC_BYTES, Keyring
from .records import KINDS

HEADER = struct.Struct("!IBBHQQQ")
ENTRY = struct.Struct("!QQ")  # of a greeting
PART = struct.Struct("!QHH")  # of a message
GREETING, MESSAGE = 1, 2
OVERHEAD = HEADER.size + MAC_BYTES
MOST_ENTRIES = 80  # of a greeting: they fit the smallest MTU of IPv6
MAGIC, VERSION = int(ShareFormat.MAGIC), int(ShareFormat.FORMAT)


class Header(NamedTuple):
    """sent_ms: the sender's CLOCK_MONOTONIC."""

    magic: int
    version: int
    kind: int
    key: int
    node: int
    sequence: int
    sent_ms: int


class Stamp(NamedTuple):
    """What is different in each datagram of a node."""

    node: int
    sequence: int
    sent_ms: int


def sign(keys: Keyring, stamp: Stamp, kind: int, payload: bytes) -> bytes:
    """A datagram."""
    key = keys.current
    content = HEADER.pack(MAGIC, VERSION, kind, key.id, *stamp) + payload
    return content + key.mac(content)


def header_of(datagram: bytes, keys: Keyring) -> Header | ShareDrop:
    """Costs little, and believes nothing: the MAC is not looked at yet."""
    if len(datagram) < OVERHEAD:
        return ShareDrop.SHORT
    header = Header(*HEADER.unpack_from(datagram))
    if header.magic != MAGIC:
        return ShareDrop.STRANGER
    if header.version != VERSION:
        return ShareDrop.VERSION
    if header.key not in keys.ids:
        return ShareDrop.KEY
    length = len(datagram) - OVERHEAD
    if header.kind in KINDS:
        return header if length and not length % KINDS[header.kind].size else ShareDrop.KIND
    if header.kind == GREETING and not length % ENTRY.size and length <= MOST_ENTRIES * ENTRY.size:
        return header
    return header if header.kind == MESSAGE and length >= PART.size else ShareDrop.KIND


def is_signed(datagram: bytes, header: Header, keys: Keyring) -> bool:
    return keys.signed(header.key, datagram[:-MAC_BYTES], datagram[-MAC_BYTES:])


def payload_of(datagram: bytes) -> bytes:
    return datagram[HEADER.size : -MAC_BYTES]


def greeting(heard: list[tuple[int, int]]) -> bytes:
    """The payload: of each node that was heard its number, and its last greeting's sequence."""
    return b"".join(ENTRY.pack(*entry) for entry in heard[:MOST_ENTRIES])


def read_greeting(payload: bytes) -> dict[int, int]:
    return dict(ENTRY.iter_unpack(payload))
