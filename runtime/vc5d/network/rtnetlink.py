"""What there may be thousands of, asked of the kernel and read at once: rules, neighbors, routes.

pyroute2 takes half a millisecond for a message; this takes some microseconds, and knows only what vc5d needs.
A message is a mapping: the fields of its header (linux/rtnetlink.h, fib_rules.h, neighbour.h) by their names,
and attributes by theirs in lower case: RTA_DST is `dst`. Of a route's metrics only `mtu` is there.
Blocking; not for the event loop's own thread.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

Message = dict[str, Any]
Decoder = Callable[[bytes], Any]

_SOL_NETLINK, _STRICT_CHECK = 270, 12
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10  # flags of a message
_ERROR, _DONE = 2, 3  # types of messages
_LENGTHS = {socket.AF_INET: 4, socket.AF_INET6: 16}
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_TYPE = 0x3FFF  # of an attribute, without flags
_BUFFER = 1 << 17  # bytes: no answer is longer
_AGAIN = 5  # times: a dump during which something changed


def _number(raw: bytes) -> int:
    return int.from_bytes(raw[:4], sys.byteorder)


def _address(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _mac(raw: bytes) -> str:
    return raw.hex(":")


def _via(raw: bytes) -> str:
    """struct rtvia: an address family, and an address of it."""
    return _address(raw[2:])


def _mtu(raw: bytes) -> int:
    """Of a route's metrics; 0: they do not say."""
    return next((_number(value) for number, value in _attributes(raw) if number == 2), 0)


@dataclass(frozen=True)
class _Kind:
    """type: of the messages that tell of one; the next one tells that it is gone, and the one after asks."""

    type: int
    header: struct.Struct
    fields: tuple[str, ...]
    attributes: Mapping[int, tuple[str, Decoder]]


_ROUTE = _Kind(
    24,
    struct.Struct("=8BI"),
    ("family", "dst_len", "src_len", "tos", "table", "proto", "scope", "type", "flags"),
    {
        1: ("dst", _address),
        4: ("oif", _number),
        5: ("gateway", _address),
        6: ("priority", _number),
        7: ("prefsrc", _address),
        8: ("mtu", _mtu),
        15: ("table", _number),
        18: ("via", _via),
    },
)
_NEIGH = _Kind(
    28,
    struct.Struct("=BxxxiHBB"),
    ("family", "ifindex", "state", "flags", "ndm_type"),
    {1: ("dst", _address), 2: ("lladdr", _mac)},
)
_RULE = _Kind(
    32,
    struct.Struct("=4BB2xBI"),
    ("family", "dst_len", "src_len", "tos", "table", "action", "flags"),
    {
        4: ("goto", _number),
        6: ("priority", _number),
        10: ("fwmark", _number),
        15: ("table", _number),
        16: ("fwmask", _number),
    },
)
KINDS: Mapping[str, _Kind] = {"route": _ROUTE, "neigh": _NEIGH, "rule": _RULE}


def dump(kind: str, family: int = 0, table: int = 0) -> list[Message]:
    """All of one of KINDS; of a family, and routes of one table, if these are given. Raises NetlinkError."""
    with _opened() as asked:
        for _ in range(_AGAIN):
            messages, whole = _dumped(asked, KINDS[kind], family, table)
            if whole:
                break
        return messages


def routes_to(addresses: Iterable[str]) -> dict[str, Message | NetlinkError]:
    """By which route a packet would go to each, or why by none."""
    with _opened() as asked:
        return {address: _route_to(asked, address) for address in addresses}


def _opened() -> socket.socket:
    asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        asked.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)
        asked.bind((0, 0))
    except OSError:
        asked.close()
        raise
    return asked


def _dumped(asked: socket.socket, kind: _Kind, family: int, table: int) -> tuple[list[Message], bool]:
    """False: something changed meanwhile, and may be missing or there twice."""
    values = dict.fromkeys(kind.fields, 0) | {"family": family}
    body = kind.header.pack(*values.values())
    body += _ATTRIBUTE.pack(8, 15) + struct.pack("=I", table) if table else b""
    _send(asked, kind.type + 2, _REQUEST | _DUMP, body)
    found: list[Message] = []
    whole = True
    while True:
        for number, flags, content in _received(asked):
            whole = whole and not flags & _INTERRUPTED
            if number in (_DONE, _ERROR):
                _raise(content)
                return found, whole
            if number == kind.type:
                found.append(_decoded(kind, content))


def _route_to(asked: socket.socket, address: str) -> Message | NetlinkError:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    body = _ROUTE.header.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    _send(asked, _ROUTE.type + 2, _REQUEST, body + _ATTRIBUTE.pack(4 + len(packed), 1) + packed)
    for number, _, content in _received(asked):
        if number == _ROUTE.type:
            return _decoded(_ROUTE, content)
        try:
            _raise(content)
        except NetlinkError as failure:
            return failure
    return NetlinkError(errno.ENODATA)


def _send(asked: socket.socket, number: int, flags: int, body: bytes) -> None:
    asked.sendto(_HEADER.pack(_HEADER.size + len(body), number, flags, 0, 0) + body, (0, 0))


def _received(asked: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and content of the messages of one datagram."""
    raw = asked.recv(_BUFFER)
    at = 0
    while at + _HEADER.size <= len(raw):
        length, number, flags, _, _ = _HEADER.unpack_from(raw, at)
        if length < _HEADER.size:
            return
        yield number, flags, raw[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _raise(content: bytes) -> None:
    """What a message of type _DONE or _ERROR begins with: 0, or an error's negative number."""
    code = struct.unpack_from("=i", content)[0] if len(content) >= 4 else 0
    if code:
        raise NetlinkError(-code)


def _decoded(kind: _Kind, content: bytes) -> Message:
    message: Message = dict(zip(kind.fields, kind.header.unpack_from(content), strict=True))
    for number, value in _attributes(content[kind.header.size :]):
        if known := kind.attributes.get(number):
            name, decoder = known
            message[name] = decoder(value)
    return message


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(raw):
        length, number = _ATTRIBUTE.unpack_from(raw, at)
        if length < _ATTRIBUTE.size:
            return
        yield number & _TYPE, raw[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
