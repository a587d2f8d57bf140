"""Between vc5d and its process that shares flows: frames over a socket that both have.

A frame: length of the rest (4 bytes), what it is (1), the rest. Both ends are of one build, so nothing is
checked.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any

_HEAD = struct.Struct("<IB")
MOST_BYTES = 1 << 27


class What(IntEnum):
    """The first ones go to the process, the others to vc5d. NUMBER: of a request, 4 bytes."""

    CONFIGURE = 1  # JSON: settings.Wanted
    SAY = 2  # a message's body
    FETCH = 3  # NUMBER, JSON: node and address, a zero, the request
    SERVED = 4  # NUMBER, the answer
    READY = 5  # nothing
    HEARD = 6  # node (8), address, a zero, the message's body
    SERVE = 7  # NUMBER, node (8), address, a zero, the request
    FETCHED = 8  # NUMBER, flows (8), the answer
    FAILED = 9  # NUMBER, JSON: message and hint
    CONSULT = 10  # indexes into `reals`, 4 bytes each
    STATUS = 11  # JSON


def frame(what: What, body: bytes = b"") -> bytes:
    return _HEAD.pack(len(body) + 1, what) + body


def json_frame(what: What, value: Any) -> bytes:
    return frame(what, json.dumps(value).encode())


def failed(number: bytes, message: str, hint: str) -> bytes:
    """Of the request with this number; 0: of the process itself."""
    return frame(What.FAILED, number + json.dumps({"message": message, "hint": hint}).encode())


class Frames:
    """Bytes as they come, to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> list[tuple[What, bytes]]:
        self._buffer += content
        found, at = [], 0
        while len(self._buffer) - at >= _HEAD.size:
            length, what = _HEAD.unpack_from(self._buffer, at)
            end = at + 4 + length
            if len(self._buffer) < end:
                break
            found.append((What(what), bytes(self._buffer[at + _HEAD.size : end])))
            at = end
        del self._buffer[:at]
        return found


def named(body: bytes) -> tuple[bytes, str, bytes]:
    """Node, address and the rest."""
    address, _, rest = body[8:].partition(b"\0")
    return body[:8], address.decode(), rest


def with_name(node: bytes, address: str, rest: bytes) -> bytes:
    return node + address.encode() + b"\0" + rest
