"""What is proved live: that changes lose no packet and send none astray, and that a flood breaks no flow."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vc5d.document import Document
from vc5d.xdp.layout import Reason

from .fleet import ACCEPTING, DOWN, DRAINING, Fleet, compiled, configuration, some
from .wire import Found, Traffic, Wire

ALWAYS, CHANGING, NEVER = (1, 2), range(3, 15), 15  # numbers of reals
DOCUMENTS = 8
FLOWS = 1 << 14  # of each family
LIFETIME = 20  # seconds: a flow's packets are never that far apart, yet transitions end within the proof
Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where the parts are: the object under test, a directory for pins (not there yet), one for files."""

    object_path: Path
    pin_dir: Path
    folder: Path


def dropped(fleet: Fleet) -> dict[str, int]:
    """Packets by reason, as the program counted what it did not forward."""
    reasons = fleet.plane.snapshot().reasons
    quiet = {Reason.NOTE_NOT_STORED.name.lower()}
    return {name: count for name, count in reasons.items() if count and name not in quiet}


def judge(found: Found, wire: Wire, fleet: Fleet, homes: bool) -> None:
    """Raises AssertionError with what was wrong."""
    assert dropped(fleet) == {}, f"not forwarded: {dropped(fleet)}"
    assert found.received == wire.sent, f"{wire.sent - found.received} of {wire.sent} frames are lost"
    assert found.torn == 0, f"{found.torn} frames with half a MAC, the first {found.fault}"
    assert found.banned == 0, f"{found.banned} frames at a real that must not have them: {found.fault}"
    if homes:
        assert found.rested == 0, (
            f"{found.rested} flows idle for {LIFETIME} s: the machine is too busy for this"
        )
        assert found.broken == 0, f"{found.broken} frames astray of their flow: {found.fault}"


def changes(place: Place, packets: int, reloads: int, health: int, say: Say) -> None:
    """Reloads, health and MACs change under traffic of which a quarter is new flows."""
    r = random.Random(1)
    wire = Wire(place.folder, FLOWS, LIFETIME)
    documents = [
        compiled(
            place.folder,
            f"changes{n}",
            configuration(
                [*ALWAYS, NEVER, *some(r, CHANGING, 6)], LIFETIME, r.choice(CHANGING), r.choice((0, 0, 7))
            ),
        )
        for n in range(DOCUMENTS)
    ]
    fleet = Fleet(wire, place.pin_dir, place.object_path, documents[0])
    try:
        for real in sorted(fleet.states):
            if real[1] != NEVER:
                fleet.set_state(real, ACCEPTING)
        wire.set_up("A", flood=64)
        begin = time.monotonic()
        traffic = Traffic(wire)
        traffic.start()
        _change(fleet, r, documents, reloads, health)
        while wire.sent < packets and traffic.is_alive():
            time.sleep(0.01)
        traffic.stop()
        found, seconds = wire.found(), time.monotonic() - begin
        say(
            f"{wire.sent} packets, {reloads} reloads, {health} health changes in {seconds:.0f} s: "
            f"{wire.sent - found.received} lost, {found.banned} at a real that must not have them, "
            f"{found.torn} with half a MAC"
        )
        judge(found, wire, fleet, homes=False)
    finally:
        fleet.close()
        wire.close()


def _change(fleet: Fleet, r: random.Random, documents: list[Document], reloads: int, health: int) -> None:
    for n in range(max(reloads, health)):
        if n * reloads // max(reloads, health) != (n + 1) * reloads // max(reloads, health):
            fleet.reload(r.choice(documents))
        changing = sorted(real for real in fleet.states if real[1] in CHANGING)
        fleet.set_state(r.choice(changing), r.choice((ACCEPTING, ACCEPTING, DRAINING, DOWN)))
        if n % 3 == 0:
            real = r.choice(sorted(fleet.states))
            fleet.set_mac(real, fleet.macs[real] ^ 0x33)
        if n % 500 == 0:
            fleet.tick()


def flood(place: Place, syns: int, least: float, say: Say) -> None:
    """Flows are open; then SYNs from nowhere pour in while a real drains, another returns, one more comes.
    It goes on for `least` seconds: beyond a flow lifetime the document's transition ends in it."""
    wire = Wire(place.folder, FLOWS, LIFETIME)
    eight = list(range(1, 9))
    first = compiled(place.folder, "flood1", configuration(eight, LIFETIME))
    second = compiled(place.folder, "flood2", configuration([*eight, 9], LIFETIME))
    fleet = Fleet(wire, place.pin_dir, place.object_path, first)
    try:
        for real in sorted(fleet.states):
            if real[1] != 2:
                fleet.set_state(real, ACCEPTING)
        for flags in "SA":
            wire.set_up(flags)
            wire.send(2 * FLOWS)
        for _ in range(3):  # seconds, each with whole budgets: all are established
            time.sleep(1.1)
            wire.send(2 * FLOWS)
        assert (wire.homes["last_ns"] > 0).all(), "a flow was never seen"
        wire.set_up("A", flood=128)
        begin, traffic = time.monotonic(), Traffic(wire)
        traffic.start()

        def over() -> bool:
            enough = wire.flooded() >= syns and time.monotonic() - begin >= least
            return enough or not traffic.is_alive()

        _upheaval(fleet, second, over, syns, wire)
        traffic.stop()
        found, seconds = wire.found(), time.monotonic() - begin
        say(
            f"{wire.flooded()} SYNs from nowhere in {seconds:.0f} s, {2 * FLOWS} flows: "
            f"{wire.sent - found.received} packets lost, {found.broken} of a flow that broke"
        )
        judge(found, wire, fleet, homes=True)
    finally:
        fleet.close()
        wire.close()


def _upheaval(fleet: Fleet, second: Document, over: Callable[[], bool], syns: int, wire: Wire) -> None:
    """Each change at its share of the flood."""
    steps: list[Callable[[int], object]] = [
        lambda version: fleet.set_state((version, 3), DRAINING),
        lambda version: fleet.set_state((version, 2), ACCEPTING),
        lambda version: fleet.reload(second) if version == 4 else None,
        lambda version: fleet.set_mac((version, 4), 0x22),
        lambda version: fleet.set_state((version, 3), ACCEPTING),
        lambda version: fleet.set_state((version, 5), DRAINING),
    ]
    for n, step in enumerate(steps, 1):
        while wire.flooded() < syns * n // (len(steps) + 1) and not over():
            time.sleep(0.001)
        for version in (4, 6):
            step(version)
    while not over():
        fleet.tick()
        time.sleep(0.2)
