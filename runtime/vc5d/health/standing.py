"""From what the checks say of a real to what the kernel is told: the state, and how long it lingers.

| the checks say  | before                       | state                                                  |
|-----------------|------------------------------|--------------------------------------------------------|
| nothing yet     | any                          | none: the kernel keeps what it has                     |
| up              | any                          | accepting; draining if it shall take nothing new       |
| down            | up, less than `linger` ago   | draining: established flows stay, new ones go elsewhere|
| down            | any, and a peer says: up     | draining: it is not down for the fleet                 |
| down            | up, longer ago; or never     | down                                                   |

A real lingers only from up: one that was down before vc5d started has no flows to keep, and draining would
call back those that others serve by now. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from ..xdp.layout import RealState
from .checks import Name


@dataclass(frozen=True)
class Standing:
    """up: what the checks said last. since: when they began to say down; -inf if they never said up."""

    up: bool | None = None
    since: float = -inf


def hear(before: Standing, up: bool | None, now: float) -> Standing:
    """The standing after the checks said `up` at `now`."""
    if up is not False:
        return Standing(up)
    if before.up is False:
        return before
    return Standing(False, now if before.up else -inf)


@dataclass(frozen=True)
class Said:
    """Of a real. up: by its checks. closed: it shall take nothing new, being disabled, held, or no longer in
    the document. kept: another load balancer's checks say that it is up (docs/sharing.md, rule 3)."""

    up: bool | None
    closed: bool = False
    kept: bool = False


def state(standing: Standing, said: Said, linger: float, now: float) -> RealState | None:
    """None: keep what the kernel has."""
    if standing.up is None:
        return None
    if standing.up:
        return RealState.DRAINING if said.closed else RealState.ACCEPTING
    return RealState.DRAINING if said.kept or now < standing.since + linger else RealState.DOWN


class Standings:
    """Of every real, and when the next one ends to linger."""

    def __init__(self) -> None:
        self._standings: dict[Name, Standing] = {}
        self._ends: dict[Name, float] = {}

    def judge(self, name: Name, said: Said, linger: float, now: float) -> RealState | None:
        """What the kernel is to be told of a real now."""
        standing = self._standings[name] = hear(self._standings.get(name, Standing()), said.up, now)
        end = standing.since + linger
        if standing.up is False and now < end:
            self._ends[name] = end
        else:
            self._ends.pop(name, None)
        return state(standing, said, linger, now)

    def next_end(self) -> float:
        """inf: none lingers."""
        return min(self._ends.values(), default=inf)

    def ended(self, now: float) -> list[Name]:
        """Those to be judged again."""
        return [name for name, end in self._ends.items() if end <= now]

    def forget(self, names: Iterable[Name]) -> None:
        """These are followed no more."""
        for name in names:
            self._standings.pop(name, None)
            self._ends.pop(name, None)
