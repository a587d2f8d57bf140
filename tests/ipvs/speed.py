"""What a packet costs: how long one CPU takes for many, with each load balancer at the end of the same wire.

Every path is taken in turn, several times over, so that what disturbs one disturbs all. What the wire itself
costs (making a frame, bringing it over) is measured by dropping it at once, and taken off.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ipvs.balancers import Ipvs, Ours
from tests.ipvs.wire import Wire

REALS = range(11, 21)
ROUNDS, PACKETS = 3, 1 << 13
MANY = 1 << 16
ALONE = "the wire alone"


@dataclass(frozen=True)
class Load:
    """Frames to send; `known`: of connections that were opened before."""

    name: str
    flags: str
    flows: int
    known: bool


LOADS = (
    Load("established, 1 connection", "A", 1, True),
    Load(f"established, {MANY:,} connections", "A", MANY, True),
    Load("a new connection each packet", "S", 1 << 24, False),
)


class Path_:
    """One way through the host. on, off: bring it about and end it. done: frames that came through."""

    def __init__(self, name: str, on: Callable[[], None], off: Callable[[], None], done: Callable[[], int]):
        self.name, self.on, self.off, self.done = name, on, off, done

    @contextmanager
    def up(self) -> Iterator[None]:
        self.on()
        try:
            yield
        finally:
            self.off()


def paths(wire: Wire, folder: Path) -> tuple[list[Path_], Callable[[], None]]:
    """All of them, and what ends them."""
    native, generic = Ours(folder), Ours(folder, "generic")
    ipvs = Ipvs(deep=True)
    ipvs.begin(REALS)
    native.begin(REALS)
    native.detach()
    generic.plane = native.plane  # one document, one set of maps: only the hook is another
    found: list[Path_] = []
    swallowing = []

    def swallow() -> None:
        swallowing.append(wire.swallow())

    def release() -> None:
        link = swallowing.pop()
        link.detach()
        link.close()

    found.append(Path_(ALONE, swallow, release, lambda: wire.ended))
    found.append(Path_(native.name, native.attach, native.detach, lambda: wire.ended))
    found.append(Path_(generic.name, generic.attach, generic.detach, lambda: wire.ended))
    found.append(Path_(ipvs.name, lambda: None, lambda: None, ipvs.sent))

    def end() -> None:
        native.end()
        ipvs.end()

    return found, end


def _timed(wire: Wire, path: Path_, load: Load, first: int) -> int:
    """Nanoseconds a frame; raises if one of them got lost."""
    before = path.done()
    cost = wire.send(PACKETS, load.flags, first, load.flows, mixed=load.known)
    time.sleep(0.01)
    if (came := path.done() - before) != PACKETS:
        raise RuntimeError(f"{path.name}, {load.name}: {came} of {PACKETS} frames came through")
    return cost


def measure(wire: Wire, folder: Path) -> dict[str, dict[str, float]]:
    """Load → path → nanoseconds a frame, the wire's part included; medians."""
    wire.end_with("drop")
    every, end = paths(wire, folder)
    found: dict[str, dict[str, list[int]]] = {load.name: {path.name: [] for path in every} for load in LOADS}
    try:
        with every[-1].up():  # IPVS must have seen a connection's beginning
            for flags in "SA":
                wire.send(MANY, flags, 0, MANY)
        fresh = 1 << 20
        # New connections last, and IPVS after the others: what it opens it must forget a minute later, which
        # takes time that is not the others'.
        for load in LOADS:
            for _ in range(ROUNDS):
                for path in every:
                    with path.up():
                        wire.send(256, "A", 0, 256)  # what a change leaves behind is over
                        cost = _timed(wire, path, load, 0 if load.known else fresh)
                        found[load.name][path.name].append(cost)
                        fresh += 0 if load.known else PACKETS
    finally:
        end()
    return {
        load: {name: statistics.median(costs) for name, costs in by_path.items()}
        for load, by_path in found.items()
    }
