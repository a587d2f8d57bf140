"""What happens to the fleet, one after another, and what is measured of each.

Connections that the table cannot answer for are staged before each event that could break them: only they
need anything but the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from lab.balancer import Balancer
from lab.failover.crowd import Window
from lab.failover.fleet import SPARE, Fleet
from lab.host import wait_until

SETTLE = 6.0  # s after the event is over: what it breaks has broken by then


@dataclass
class Row:
    """One event. elsewhere: connections before it that were not with their slot's owner. broken: connections,
    of them `own` of a real that died, and `off_table` of those elsewhere. failed: requests, of `asked`.
    converged: seconds until routes and health were as the event leaves them. moves: changes of the router's
    routes. slow: the last request that took longer than a second was asked so many seconds after the event
    began. slowest: seconds."""

    letter: str
    title: str
    elsewhere: int
    broken: int
    own: int
    off_table: int
    failed: int
    asked: int
    converged: float
    slow: float
    slowest: float
    moves: int
    why: dict[str, int]
    details: list[str]  # of broken connections, at most 20

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def happen(fleet: Fleet, letters: str) -> Iterator[Row]:
    """The events with these letters, one after another."""
    for letter, title, event in EVENTS:
        if letter[0] not in letters or (letter[0] in "hi" and not fleet.shares):
            continue
        course = event(fleet)
        next(course)
        elsewhere = fleet.elsewhere()
        fleet.crowd.look()
        begin, moves = time.monotonic(), fleet.moves()
        dead = next(course)
        converged = time.monotonic() - begin
        fleet.crowd.wait_open()
        time.sleep(SETTLE)
        row = judge(letter, title, fleet.crowd.look(), begin, elsewhere, dead)
        row.converged, row.moves = round(converged, 2), fleet.moves() - moves
        yield row
        next(course, None)  # what has to be put right afterwards


def judge(letter: str, title: str, window: Window, begin: float, elsewhere: set[int], dead: str) -> Row:
    why: dict[str, int] = {}
    for broken in window.broken:
        what = "answered by another real" if "answer" in broken.why and "not" in broken.why else broken.why
        why[what] = why.get(what, 0) + 1
    lost = [broken for broken in window.broken if broken.real != dead]
    own = len(window.broken) - len(lost)
    return Row(
        letter,
        title,
        len(elsewhere),
        len(window.broken),
        own,
        sum(broken.port in elsewhere for broken in lost),
        window.failed,
        window.answered + window.failed,
        0.0,
        round(max(0.0, window.last_slow - begin), 1),
        round(window.slowest, 2),
        0,
        why,
        [f"{b.at - begin:.1f} s: port {b.port} at {b.real}: {b.why}" for b in lost[:20]],
    )


# Each event is a generator: up to its first yield it prepares; up to its second it happens, and yields the
# name of the real that died, or nothing; behind that it puts right what is no part of it.
Event = Iterator[str]


def lose(fleet: Fleet) -> Event:
    fleet.stage("r12")
    yield ""
    _die(fleet, fleet.balancers[3])
    yield ""


def come_back(fleet: Fleet) -> Event:
    yield ""
    _revive(fleet, fleet.balancers[3])
    yield ""


def roll(fleet: Fleet) -> Event:
    """As a host is upgraded: withdrawn, quiet, switched off; then it comes back and knows nothing."""
    fleet.stage("r20")
    yield ""
    for balancer in fleet.up():
        assert balancer.vc5d
        balancer.vc5d.stop()
        fleet.wait_ways(fleet.up())
        time.sleep(1)
        balancer.die()
        _revive(fleet, balancer)
    yield ""


def real_dies(fleet: Fleet) -> Event:
    yield ""
    fleet.kill_real("r11")
    address = fleet.of_name["r11"].address
    fleet.wait_all("r11 is down", lambda b: fleet.reals_on(b).get(address) == "down")
    yield "r11"


def real_returns(fleet: Fleet) -> Event:
    yield ""
    fleet.revive_real("r11")
    fleet.wait_accepting(set(fleet.table().reals))
    yield ""


def change_and_lose(fleet: Fleet) -> Event:
    fleet.stage("r13")
    yield ""
    fleet.change(add=SPARE, drain="r22")
    time.sleep(3)  # some new connections in slots in transition
    _die(fleet, fleet.balancers[2])
    fleet.wait_all("no slot is in transition", lambda b: not fleet.slots_on(b)["transition"], 60)
    yield ""
    _revive(fleet, fleet.balancers[2])


def restart_bird(fleet: Fleet) -> Event:
    fleet.stage("r13")
    yield ""
    balancer = fleet.balancers[1]
    assert balancer.bird
    balancer.bird.stop()
    fleet.wait_ways([other for other in fleet.up() if other is not balancer])
    balancer.start_bird(fleet.config)
    fleet.wait_ways(fleet.up())
    yield ""


def upgrade(fleet: Fleet) -> Event:
    """vc5d alone: what is pinned forwards on, and the next one adopts it."""
    fleet.stage("r21")
    yield ""
    for balancer in fleet.up():
        assert balancer.vc5d
        balancer.vc5d.stop()
        balancer.start_vc5d()
        balancer.wait_vc5d()
        fleet.wait_ways(fleet.up())
    yield ""


def lose_messages(fleet: Fleet) -> Event:
    fleet.impair("lossy")
    fleet.stage("r10")
    yield ""
    _die(fleet, fleet.balancers[1])
    yield ""
    _revive(fleet, fleet.balancers[1])
    fleet.impair("")


def split(fleet: Fleet) -> Event:
    """Connections begin while no load balancer hears another; it heals; then one dies."""
    fleet.impair("split")
    time.sleep(5)
    fleet.stage("r23")
    yield ""
    fleet.impair("")
    # Entries are told again within a quarter of their lifetime, 20 s.
    time.sleep(7)
    _die(fleet, fleet.balancers[0])
    yield ""
    _revive(fleet, fleet.balancers[0])


def _die(fleet: Fleet, balancer: Balancer) -> None:
    """As if the power had failed."""
    others = [other for other in fleet.up() if other is not balancer]
    balancer.die()
    fleet.wait_ways(others)


def _revive(fleet: Fleet, balancer: Balancer) -> None:
    balancer.revive(fleet.config)
    balancer.wait_vc5d()
    fleet.wait_ways(fleet.up())
    wait_until(
        f"{balancer.name} sees all reals",
        lambda: fleet.reals_on(balancer) == fleet.reals_on(fleet.up()[0]),
        90,
        every=0.1,
    )


EVENTS: tuple[tuple[str, str, Callable[[Fleet], Event]], ...] = (
    ("d1", "a real dies", real_dies),
    ("d2", "it returns", real_returns),
    ("a", "a load balancer dies", lose),
    ("b", "it returns", come_back),
    ("c", "all are rolled, one after another", roll),
    ("f", "BIRD restarts on one", restart_bird),
    ("g", "vc5d is upgraded on all", upgrade),
    ("h", "a load balancer dies while 10 % of the messages are lost", lose_messages),
    ("i", "a load balancer dies after a split has healed", split),
    ("e", "a real is added, one drains, and a load balancer dies", change_and_lose),
)
