"""What a probe is aimed at, and a socket whose packets take the way there."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A VIP as one real holds it. mark: what SO_MARK must be for the packets to reach that real (marks.py);
    source: this host's address on the real's subnet, which the answers come to."""

    vip: str
    mark: int
    source: str


def marked_socket(family: int, kind: int, protocol: int, mark: int) -> socket.socket:
    """A non-blocking socket whose packets carry `mark`. OSError (EPERM) without CAP_NET_ADMIN."""
    result = socket.socket(family, kind, protocol)
    try:
        result.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        result.setblocking(False)
    except OSError:
        result.close()
        raise
    return result


def in_words(failure: OSError) -> str:
    """Why a connection failed, as a person would put it."""
    if isinstance(failure, ConnectionRefusedError):
        return "connection refused"
    if isinstance(failure, ConnectionResetError):
        return "connection reset"
    if failure.errno == errno.EHOSTUNREACH:  # the kernel gave up on ARP
        return "the real does not answer ARP"
    return (failure.strerror or str(failure)).lower()


def no_answer(timeout: float) -> str:
    return f"no answer in {timeout:g} s"
