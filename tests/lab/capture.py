"""Frames as they pass a network card: counted and kept, by a packet socket in a namespace."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from lab.host import inside

_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_SO_RCVBUFFORCE = 33


@dataclass(frozen=True)
class Frame:
    """An IPv4 TCP frame."""

    to_mac: str
    from_mac: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    flags: int
    vlan: int  # of the tag inside the frame; 0: none, or the kernel has moved it beside the frame

    @property
    def opens(self) -> bool:
        """SYN without ACK."""
        return self.flags & 0x12 == 0x02


def _parse(data: bytes) -> Frame | None:
    # A frame that comes in has its tag beside it already; one that goes out still has it inside.
    vlan = 0
    if data[12:14] == b"\x81\x00":
        vlan = int.from_bytes(data[14:16]) & 0x0FFF
        data = data[:12] + data[16:]
    if len(data) < 54 or data[12:14] != b"\x08\x00" or data[23] != socket.IPPROTO_TCP:
        return None
    transport = 14 + (data[14] & 15) * 4
    if len(data) < transport + 14:
        return None
    source_port, destination_port = struct.unpack_from("!HH", data, transport)
    return Frame(
        data[0:6].hex(":"),
        data[6:12].hex(":"),
        socket.inet_ntoa(data[26:30]),
        socket.inet_ntoa(data[30:34]),
        source_port,
        destination_port,
        data[transport + 13],
        vlan,
    )


class Capture:
    """While it is entered, IPv4 TCP frames of one network card are collected in `frames`.

    outgoing: those that the card sends, too; otherwise only those that it receives.
    """

    def __init__(self, netns: str, device: str, outgoing: bool = False) -> None:
        self.frames: list[Frame] = []
        with inside(netns):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # none yet: first a device
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
        if not outgoing:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        with inside(netns):
            self._socket.bind((device, _ETH_P_ALL))

    def __enter__(self) -> Capture:
        self._over = False
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        self._socket.close()

    def _collect(self) -> None:
        """Until told to stop, and then until nothing is left."""
        while True:
            ready, _, _ = select.select([self._socket], [], [], 0.05)
            if ready:
                frame = _parse(self._socket.recv(2048))
                if frame:
                    self.frames.append(frame)
            elif self._over:
                return


@contextmanager
def together(captures: Sequence[Capture]) -> Iterator[None]:
    """All of them at once."""
    with ExitStack() as stack:
        for capture in captures:
            stack.enter_context(capture)
        yield
