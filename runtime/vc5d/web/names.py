"""The names by which this host may be asked: `localhost`, and what it calls itself.

Only its full name takes asking others, by DNS, which takes seconds when no server answers. So a thread asks,
one at a time, and only for a request whose name is not known yet: health checks and other requests do not
wait meanwhile. What was found stays for as long as the host keeps its name: a DNS that has gone since is no
reason to refuse whom it let in.
"""

from __future__ import annotations

import asyncio
import socket
import time

from ..loop.lookups import in_own_thread

_AGAIN = 60.0  # s until DNS is asked again for a full name that it did not tell


class Names:
    """One of it for each server."""

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._own, self._full = "", ""
        self._asked = -_AGAIN

    async def has(self, name: str) -> bool:
        """Whether it is one of them; in any case of letters."""
        own = socket.gethostname().lower()
        name = name.lower()
        if name in {"localhost", own, own.split(".", 1)[0]}:
            return True
        async with self._asking:
            if own != self._own:
                self._own, self._full, self._asked = own, "", -_AGAIN
            if self._full in ("", own) and self._is_due():
                self._asked = time.monotonic()
                self._full = (await in_own_thread(lambda: socket.getfqdn(own))).lower()
        return bool(name) and name == self._full

    def _is_due(self) -> bool:
        return time.monotonic() - self._asked >= _AGAIN
