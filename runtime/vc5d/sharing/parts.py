"""Messages that may be longer than a datagram: in parts, put together again."""

from __future__ import annotations

from .format import PART

MOST_BYTES = 1 << 18


def split(number: int, body: bytes, room: int) -> list[bytes]:
    """Payloads, each of at most `room` bytes. number: greater than that of any message before."""
    step = room - PART.size
    parts = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
    return [PART.pack(number, at, len(parts)) + part for at, part in enumerate(parts)]


class Assembly:
    """Of one node: the message with the highest number that came, until it is whole."""

    def __init__(self) -> None:
        self._number, self._wanted, self._bytes = -1, 0, 0
        self._parts: dict[int, bytes] = {}

    def add(self, payload: bytes) -> bytes | None:
        """The body, with its last part. Parts of older messages, and contradictions, count for nothing."""
        number, part, parts = PART.unpack_from(payload)
        if number > self._number:
            self._number, self._wanted, self._bytes, self._parts = number, parts, 0, {}
        if number != self._number or parts != self._wanted or part >= parts or part in self._parts:
            return None
        self._parts[part] = payload[PART.size :]
        self._bytes += len(payload) - PART.size
        if self._bytes > MOST_BYTES:
            self._parts, self._wanted = {}, 0
            return None
        if len(self._parts) < parts:
            return None
        whole = b"".join(self._parts[at] for at in range(parts))
        self._wanted = 0
        return whole
