"""What every sink is to whoever runs it."""

from __future__ import annotations

from typing import Protocol

from .delivery import Counts
from .told import Told


class Sink(Protocol):
    """queued: events that wait or are under way."""

    @property
    def queued(self) -> int: ...

    @property
    def counts(self) -> Counts: ...

    def offer(self, event: Told) -> None:
        """Never blocks, never raises."""

    def succeed(self, old: Sink) -> None:
        """Take over what waits in an older one, and its counts."""

    async def stop(self, seconds: float) -> None:
        """Send what is there, for so long at most."""
