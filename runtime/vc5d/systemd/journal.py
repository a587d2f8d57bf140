"""The journal's own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a datagram of fields per event,
so that `journalctl VC5_EVENT=vip.down VC5_VIP=192.168.101.1` finds it. Never blocks: what a journal that
stands still does not take is counted, and told when it takes again.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping

from .. import logformat

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "vc5d"
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9_]")


def is_standard_error() -> bool:
    """Whether standard error is the journal's stream: JOURNAL_STREAM names its device and inode
    (systemd.exec(5)). Somebody who sent it elsewhere since then wants it there."""
    try:
        stat = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def datagram(fields: Mapping[str, str]) -> bytes:
    """A value with a newline is written with its length before it, 64 bits little-endian."""
    parts = []
    for name, value in fields.items():
        raw = value.encode(errors="replace")
        if b"\n" in raw:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)


def fields(record: logging.LogRecord) -> dict[str, str]:
    event, values = logformat.content(record)
    found = {
        "MESSAGE": logformat.line(event, values),
        "PRIORITY": str(logformat.priority(record)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "VC5_EVENT": event if hasattr(record, "values") else "library",
    }
    for key, value in values.items():
        found["VC5_" + _NOT_IN_A_NAME.sub("_", key.upper())] = str(value)
    return found


class Handler(logging.Handler):
    """instead: where events go that the journal cannot be given."""

    def __init__(self, instead: logging.Handler, path: str = "") -> None:
        super().__init__()
        self._instead, self._path = instead, path or SOCKET
        self._socket: socket.socket | None = None
        self._missed = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._socket is None:
                self._connect()
            assert self._socket
            if self._missed:
                text = {"MESSAGE": f"journal.missed events={self._missed}", "PRIORITY": "4"}
                text |= {"SYSLOG_IDENTIFIER": IDENTIFIER, "VC5_EVENT": "journal.missed"}
                self._socket.send(datagram(text | {"VC5_EVENTS": str(self._missed)}))
                self._missed = 0
            self._socket.send(datagram(fields(record)))
        except BlockingIOError:
            self._missed += 1
        except OSError:
            self._close()
            self._instead.handle(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._close()
        super().close()

    def _connect(self) -> None:
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        self._socket.connect(self._path)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
