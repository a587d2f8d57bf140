"""What keeps this host from checking, told so that it is seen: at once, then now and then with a count."""

from __future__ import annotations

import time
from collections.abc import Callable

from .. import log

_AGAIN = 10.0  # s
_KINDS = 64  # of trouble, remembered at a time


class Troubles:
    """`tell(event, why=…, checks=…)` is log.warning but in tests; clock: seconds, monotonic."""

    def __init__(
        self, tell: Callable[..., None] = log.warning, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell, self._clock = tell, clock
        self._untold: dict[str, int] = {}  # why -> how many checks since it was told
        self._told: dict[str, float] = {}  # why -> when

    def note(self, why: str) -> None:
        """One check met it."""
        now = self._clock()
        count = self._untold[why] = self._untold.get(why, 0) + 1
        if now - self._told.get(why, now - _AGAIN) < _AGAIN:
            return
        if len(self._told) >= _KINDS:
            self._told.clear()
            self._untold.clear()
        self._told[why], self._untold[why] = now, 0
        self._tell("check.trouble", why=why, checks=count)
