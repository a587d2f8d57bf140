"""The examples as they are compiled: what a reader is spared is written out."""

from __future__ import annotations

import re

ADDRESSES = re.compile(r"<([0-9]+) addresses>")
TIMES = re.compile(r"^<([0-9]+) times:(.*)>$", re.MULTILINE)


def written_out(example: str) -> bytes:
    """The bytes of the file. `<N addresses>`: so many different ones. `<N times: LINE>`: the line N times,
    each `#` in it a number from 1. A lone surrogate (\\udcXX) is the byte XX."""
    example = ADDRESSES.sub(lambda match: ", ".join(map(_address, range(1, int(match[1]) + 1))), example)
    example = TIMES.sub(lambda match: _times(int(match[1]), match[2]), example)
    return example.encode(errors="surrogateescape")


def shown(example: str) -> str:
    """As a reader sees it: a tab, and a byte that is not UTF-8, made visible."""
    bytes_shown = (f"<byte {ord(c) - 0xDC00:02x}>" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in example)
    return "".join(bytes_shown).replace("\t", "<tab>")


def _address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _times(count: int, line: str) -> str:
    return "\n".join(line.replace("#", str(number)) for number in range(1, count + 1))
