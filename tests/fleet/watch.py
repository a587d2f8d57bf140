"""By which load balancers the router sends a VIP's packets, and a watch on that while something happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lab import bird
from lab.plan import VIP

from fleet.plan import BALANCERS, FleetNames

_OF_ADDRESS = {machine.address: machine.name for machine in BALANCERS}


def ways(names: FleetNames, vip: str = VIP) -> list[str]:
    """The load balancers that the router spreads a VIP's packets over, by name or by address."""
    return sorted(_OF_ADDRESS.get(hop, hop) for hop in bird.next_hops(names, vip))


class Watch(threading.Thread):
    """While it is entered, each answer that differs from the one before is kept in `seen`, with its time."""

    def __init__(self, look: Callable[[], list[str]], every: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, list[str]]] = []
        self._look, self._every, self._over = look, every, threading.Event()

    def __enter__(self) -> Watch:
        self.seen.append((time.monotonic(), self._look()))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(self._every):
            found = self._look()
            if found != self.seen[-1][1]:
                self.seen.append((time.monotonic(), found))

    @property
    def fewest(self) -> int:
        return min(len(found) for _, found in self.seen)

    def left_out(self, everyone: set[str]) -> list[str]:
        """Who was missing, in the order of it."""
        order: list[str] = []
        for _, found in self.seen:
            for name in sorted(everyone - set(found)):
                if name not in order:
                    order.append(name)
        return order
