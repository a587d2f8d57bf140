"""One vc5d for a network namespace, and one for a directory of pins.

Two in one namespace would remove each other's rules for health checks, and so take every real for down; two
with the same pins would write the same maps. Both claims end with the process that holds them, however it
ends: an abstract UNIX socket belongs to a network namespace, and a lock to an open directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path

from .errors import Vc5Error

_NAME = "\0vc5d"
SHOWN = "@vc5d"  # the same, in /proc/net/unix


class Alone:
    """The claims of this process; `release` gives them up before its end."""

    def __init__(self) -> None:
        self._held: list[socket.socket | int] = []
        self._directory = Path()

    def in_network(self) -> None:
        """Raises Vc5Error when another vc5d works in this network namespace."""
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            claim.bind(_NAME)
        except OSError:
            claim.close()
            raise Vc5Error(
                "another vc5d is running in this network namespace",
                "stop it first: they would remove each other's rules for health checks",
            ) from None
        self._held.append(claim)

    def with_pins(self, pin_dir: Path) -> None:
        """Raises Vc5Error when another vc5d, in whatever namespace, has these pins. Makes the directory."""
        try:
            pin_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = os.open(pin_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as failure:
            raise Vc5Error(
                f"{pin_dir} cannot be made: {failure.strerror}", "--pin DIR names another"
            ) from None
        self._held.append(directory)
        self._directory = pin_dir
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise Vc5Error(
                f"another vc5d uses the pins in {pin_dir}", "stop it first, or choose others with --pin DIR"
            ) from None

    def release(self) -> None:
        """A directory that stayed empty goes as well."""
        with contextlib.suppress(OSError):
            self._directory.rmdir()
        for held in self._held:
            if isinstance(held, int):
                os.close(held)
            else:
                held.close()
        self._held.clear()
