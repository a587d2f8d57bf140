"""What a probe is aimed at, and a socket whose packets take the way there."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


@dataclass(frozen=True)
class Target:
    """A VIP as one real holds it. mark: what SO_MARK must be for the packets to reach that real (marks.py);
    source: this host's address on the real's subnet, which the answers come to."""

    vip: str
    mark: int
    source: str

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.vip else socket.AF_INET


def marked_socket(family: int, kind: int, protocol: int, mark: int) -> socket.socket:
    """A non-blocking socket whose packets carry `mark`, and which a TCP connection ends by a reset: closed in
    order, a thousand checks a second of one VIP would leave no free port within half a minute of TIME_WAIT.
    Raises OSError (EPERM) without CAP_NET_ADMIN."""
    result = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        result.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        if kind == socket.SOCK_STREAM:
            result.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    except OSError:
        result.close()
        raise
    return result
