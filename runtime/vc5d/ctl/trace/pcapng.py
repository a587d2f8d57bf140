"""A capture file of traced packets, before and after (pcapng, draft-ietf-opsawg-pcapng).

Two interfaces, `before` and `after`, Ethernet, times in nanoseconds. Each packet's comment says what the
program decided. A packet's length is the frame's; of its bytes there are as many as the program told.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import Vc5Error
from ...xdp.layout import TraceLimits
from .text import comment

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6  # block types
_BYTE_ORDER = 0x1A2B3C4D
_ETHERNET = 1  # LINKTYPE_ETHERNET
_COMMENT, _NAME, _RESOLUTION, _APPLICATION = 1, 2, 9, 4  # option codes; 4 is of a section
SNAP = int(TraceLimits.TRACE_SNAP)
_LONGEST = 60_000  # bytes of a comment: its length has 16 bits


class Capture:
    """Each event is on disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        """Raises Vc5Error. A file that is there is written over."""
        try:
            self._file: BinaryIO = path.open("wb", buffering=0)
            self._write(_section(), _interface("before"), _interface("after"))
        except OSError as failure:
            raise Vc5Error(f"{path} cannot be written: {failure.strerror}") from None
        self._path = path

    def add(self, event: Mapping[str, Any]) -> None:
        """The frame as it came, and as it went if it did. Raises Vc5Error."""
        said = comment(event)
        blocks = [_packet(0, event["time"], event["before"], event["length_before"], said)]
        if event["verdict"] in ("tx", "redirect"):
            blocks.append(_packet(1, event["time"], event["after"], event["length_after"], said))
        try:
            self._write(*blocks)
        except OSError as failure:
            raise Vc5Error(f"{self._path} cannot be written: {failure.strerror}") from None

    def close(self) -> None:
        self._file.close()

    def _write(self, *blocks: bytes) -> None:
        whole = memoryview(b"".join(blocks))
        while whole:
            whole = whole[self._file.write(whole) :]


def _section() -> bytes:
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    return _block(_SECTION, head + _options({_APPLICATION: b"vc5ctl trace"}))


def _interface(name: str) -> bytes:
    head = struct.pack("<HHI", _ETHERNET, 0, SNAP)
    return _block(_INTERFACE, head + _options({_NAME: name.encode(), _RESOLUTION: b"\x09"}))


def _packet(interface: int, moment: float, encoded: str, length: int, said: str) -> bytes:
    frame = base64.b64decode(encoded)
    when = int(moment * 1e9)
    head = struct.pack(
        "<IIIII", interface, when >> 32, when & 0xFFFFFFFF, len(frame), max(length, len(frame))
    )
    return _block(_PACKET, head + _padded(frame) + _options({_COMMENT: said.encode()[:_LONGEST]}))


def _options(options: Mapping[int, bytes]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options.items()]
    return b"".join(parts) + bytes(4)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length
