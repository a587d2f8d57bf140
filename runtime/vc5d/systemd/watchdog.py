"""When systemd's watchdog is fed: only while the event loop turns and the dataplane answers.

| what hangs                | what happens                                                              |
|---------------------------|---------------------------------------------------------------------------|
| the event loop            | nothing is fed: systemd kills vc5d after WatchdogSec, and with its TUN    |
|                           | device the VIPs' routes go; then systemd starts it again                  |
| the dataplane's thread,   | the same, `BUDGET` seconds later: an apply of a big document takes long   |
| or the kernel under it    | and is no reason                                                          |
| nothing, but the program  | sight.py; an idle network is no reason                                    |
| sees no packets           |                                                                           |
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from .. import log
from . import notify

BUDGET = 20.0  # s between two turns through event loop and dataplane
_WITHOUT = 15.0  # s: WatchdogSec where there is none


class Watchdog:
    """clock: seconds, monotonic. `turned` is called after each turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._starved = False

    def turned(self) -> None:
        self._last = self._clock()

    def feed(self) -> None:
        """Unless the last turn is too long ago; said once."""
        late = self._clock() - self._last
        if late < BUDGET:
            notify.alive()
        elif not self._starved:
            log.error("watchdog.starved", then="systemd restarts vc5d, if it runs it")
        self._starved = late >= BUDGET

    async def for_ever(self) -> None:
        while True:
            self.feed()
            await asyncio.sleep(interval())


def interval() -> float:
    """Seconds: a quarter of WatchdogSec, so that one that is late does no harm."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return (int(text) / 1e6 if text.isdecimal() else _WITHOUT) / 4
