"""A load balancer that starts asks another for what it holds: one connection, one request, one answer.

Both ends are here, over blocking sockets: each in a thread of its own. docs/sharing.md has the frames.
"""

from __future__ import annotations

import hmac
import os
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from ..errors import Vc5Error
from .keys import MAC_BYTES, Key, Keyring
from .records import KINDS, Flows, decoded

_HELLO = struct.Struct("!4sBxHQ16s")
_REPLY = struct.Struct("!Q16s")
_LENGTH, _END = struct.Struct("!I"), struct.Struct("!Q")
_MAGIC, _VERSION = b"VC5t", 1
MOST_FRAME = 1 << 20
MOST_ANSWER = 1 << 26  # bytes
SHAKE_S = 3.0  # for each frame until both have proved that they have the secret …
WAIT_S = 15.0  # … and after that
_ANSWER, _DONE = 0, 255
WITH_FLOWS = b"\1"  # a request begins with it, or with a zero
SLICE = 1 << 13  # flows a frame


class Broken(Vc5Error):
    """The connection is worth nothing: of another, of nobody, or it ended."""


@dataclass(frozen=True)
class Ends:
    """node: the own one."""

    keys: Keyring
    node: int
    clock: Callable[[], int]


class Frames:
    """Signed, numbered, each way by itself. client: whether this is the client's end."""

    def __init__(self, connected: socket.socket, key: bytes, *, client: bool) -> None:
        self._socket, self._key = connected, key
        self._mine, self._theirs = (b"c", b"s") if client else (b"s", b"c")
        self._sent = self._received = 0

    def send(self, *parts: bytes) -> None:
        content = b"".join(parts)
        self._socket.sendall(
            _LENGTH.pack(len(content) + MAC_BYTES) + content + self._mac(self._mine, self._sent, content)
        )
        self._sent += 1

    def receive(self, most: int = MOST_FRAME) -> bytes:
        whole = receive_frame(self._socket, most)
        content, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(self._theirs, self._received, content)):
            raise Broken("a frame is not the peer's, or not in its place")
        self._received += 1
        return content

    def _mac(self, way: bytes, number: int, content: bytes) -> bytes:
        made = blake2b(way + _END.pack(number), key=self._key, digest_size=MAC_BYTES)
        made.update(content)
        return made.digest()


def fetch(
    connected: socket.socket, ends: Ends, request: bytes, take: Callable[[Flows], None]
) -> tuple[bytes, int]:
    """The client's end: the answer, and how many flows there were, which `take` was given. Raises Broken and
    OSError."""
    connected.settimeout(SHAKE_S)
    key = ends.keys.current
    hello = _HELLO.pack(_MAGIC, _VERSION, key.id, ends.node, os.urandom(16))
    connected.sendall(_LENGTH.pack(len(hello)) + hello)
    reply = receive_frame(connected, _REPLY.size + MAC_BYTES)
    frames, proof = _session(connected, key, hello, reply[:-MAC_BYTES], client=True)
    if not hmac.compare_digest(reply[-MAC_BYTES:], proof):
        raise Broken("it does not have the fleet's secret")
    frames.send(request)
    connected.settimeout(WAIT_S)
    return _read_answer(frames, ends.clock, take)


def _read_answer(
    frames: Frames, clock: Callable[[], int], take: Callable[[Flows], None]
) -> tuple[bytes, int]:
    answer, flows = bytearray(), 0
    while True:
        content = frames.receive()
        number = content[0] if content else _DONE
        if number == _ANSWER:
            answer += content[1:]
            if len(answer) > MOST_ANSWER:
                raise Broken("its answer is too long")
        elif number in KINDS and not (len(content) - 1) % KINDS[number].size:
            found = decoded(KINDS[number], content[1:], clock())
            flows += len(found)
            take(found)
        elif number == _DONE and content[1:] == _END.pack(flows):
            return bytes(answer), flows
        else:
            raise Broken("its answer has what this version does not know")


def serve(
    connected: socket.socket,
    ends: Ends,
    answer: Callable[[int, bytes], bytes],
    flows: Callable[[], Iterator[Flows]],
) -> int:
    """The server's end: `answer` gets the client's node and its request; `flows`: to send if it wants any.
    How many were sent. Raises Broken and OSError."""
    connected.settimeout(SHAKE_S)
    hello = receive_frame(connected, _HELLO.size)
    if len(hello) != _HELLO.size:
        raise Broken("not a hello")
    magic, version, number, node, _ = _HELLO.unpack(hello)
    found = ends.keys.find(number)
    if magic != _MAGIC or version != _VERSION or not found:
        raise Broken("a stranger's hello, or another version's")
    reply = _REPLY.pack(ends.node, os.urandom(16))
    frames, proof = _session(connected, found[0], hello, reply, client=False)
    connected.sendall(_LENGTH.pack(len(reply) + MAC_BYTES) + reply + proof)
    request = frames.receive()
    connected.settimeout(WAIT_S)
    body = answer(node, request[1:])
    for begin in range(0, len(body), MOST_FRAME // 2):
        frames.send(bytes([_ANSWER]), body[begin : begin + MOST_FRAME // 2])
    sent = 0
    for part in flows() if request[:1] == WITH_FLOWS else ():
        if len(part):
            frames.send(bytes([part.kind.number]), part.encoded(ends.clock()).tobytes())
            sent += len(part)
    frames.send(bytes([_DONE]), _END.pack(sent))
    return sent


def _session(
    connected: socket.socket, key: Key, hello: bytes, reply: bytes, *, client: bool
) -> tuple[Frames, bytes]:
    """Frames of this session, and the MAC by which the server proves that it has the secret."""
    session = blake2b(hello + reply, key=key.transfer, digest_size=32).digest()
    return Frames(connected, session, client=client), blake2b(
        b"vc5 server", key=session, digest_size=MAC_BYTES
    ).digest()


def receive_frame(connected: socket.socket, most: int) -> bytes:
    (length,) = _LENGTH.unpack(_receive(connected, _LENGTH.size))
    if not MAC_BYTES <= length <= most:
        raise Broken("a frame of an impossible length")
    return _receive(connected, length)


def _receive(connected: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connected.recv(min(length - len(parts), 1 << 16))
        if not part:
            raise Broken("the connection ended")
        parts += part
    return bytes(parts)
