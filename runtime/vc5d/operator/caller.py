"""Who is at the other end of a UNIX socket, for the log."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)
_NEVER_LOGGED_IN = 0xFFFFFFFF


def caller(connection: socket.socket, proc: Path = Path("/proc")) -> int:
    """The uid that they logged in with, which stays also behind sudo, where the kernel has kept it and tells
    it (proc(5), loginuid); else the one that they have now. Names are not asked for: that may take a server
    that does not answer."""
    pid, uid, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    with contextlib.suppress(OSError, ValueError):
        login = int((proc / str(pid) / "loginuid").read_text())
        if login != _NEVER_LOGGED_IN:
            return login
    return int(uid)
