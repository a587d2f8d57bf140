"""Whether the program sees what its interfaces receive.

Every frame that reaches the program is counted there, forwarded or for a reason. Frames that an interface
counts while the program counts none at all pass it by: another program was put in its place, or a driver lost
it. That is said loudly. vc5d ends only where starting again would help: on an interface that runs another
program than the one whose maps vc5d has; what is pinned is right, and a new vc5d takes that. An idle network
is never a reason: nothing received is nothing to miss, and what little is received may be frames that a NIC
keeps to itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from .. import log
from ..errors import Vc5Error
from ..plane import PlaneThread

EVERY = 10.0  # s: a window
LEAST = 1000  # frames received in a window of which at least one must have been counted
WINDOWS = 3  # that many in a row


class Counting(Protocol):
    """What is asked of the dataplane."""

    def counted(self) -> int: ...
    def replaced(self) -> list[str]: ...


class Sight:
    """Judges one window after another. `unseen_since`: seconds since the epoch; None while all is well."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.unseen_since: float | None = None
        self._clock = clock
        self._received: dict[str, int] = {}
        self._counted = 0
        self._windows = 0  # in a row in which nothing was seen of what came

    def look(self, received: Mapping[str, int], counted: int) -> None:
        """received: frames by interface since it is there. counted: by the program, since it is loaded."""
        came = sum(max(0, now - self._received.get(name, now)) for name, now in received.items())
        seen = counted != self._counted
        self._received, self._counted = dict(received), counted
        if seen:
            self._windows = 0
            if self.unseen_since is not None:
                log.info("traffic.seen")
                self.unseen_since = None
        elif came >= LEAST:
            self._windows += 1
            if self._windows == WINDOWS:
                self.unseen_since = self._clock()
                log.error(
                    "traffic.unseen",
                    interfaces=",".join(sorted(received)),
                    frames=came,
                    needed="the program counts none of them: `vc5ctl doctor`; vc5d --uninstall and a start "
                    "attach it anew",
                )


class Lookout:
    """Looks now and then. names: of the program's interfaces, now."""

    def __init__(self, plane: PlaneThread, dataplane: Counting, names: Callable[[], Iterable[str]]) -> None:
        self._plane, self._dataplane, self._names = plane, dataplane, names
        self.sight = Sight()

    async def for_ever(self) -> None:
        """Raises Vc5Error when another program is in this one's place."""
        while True:
            counted, replaced = await self._plane.look(self._ask)
            if replaced:
                raise Vc5Error(
                    f"{', '.join(replaced)}: another program was put in place of vc5d's",
                    "a new vc5d takes what is pinned; is another tool at work on these pins?",
                )
            self.sight.look(received_frames(self._names()), counted)
            await asyncio.sleep(EVERY)

    def _ask(self) -> tuple[int, list[str]]:
        return self._dataplane.counted(), self._dataplane.replaced()


def received_frames(names: Iterable[str], counters: Path = Path("/proc/self/net/dev")) -> dict[str, int]:
    """Frames received, by interface of this network namespace. proc(5): after two lines of titles
    `NAME: BYTES PACKETS …`."""
    lines = (line.partition(":") for line in counters.read_text().splitlines()[2:])
    every = {name.strip(): int(values.split()[1]) for name, _, values in lines}
    return {name: every[name] for name in names if name in every}
