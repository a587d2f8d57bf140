"""A check that opens a TCP connection to the VIP on the real, and ends it at once."""

from __future__ import annotations

import asyncio
import socket
import struct

from .checks import Check
from .state import Result
from .target import Target, in_words, marked_socket

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s: no TIME_WAIT for every check


async def probe(target: Target, check: Check) -> Result:
    """Passes when the real accepts a connection. Ends only when answered: the caller limits the time."""
    with marked_socket(socket.AF_INET, socket.SOCK_STREAM, 0, target.mark) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (target.vip, check.port))
        except OSError as failure:
            return Result(False, in_words(failure))
    return Result(True, "connected")
