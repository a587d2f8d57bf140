"""What a flip does to the connections of each service: the share at risk, the share that tracking protects,
and why. docs/plan.md says the rules in words; bpf/DESIGN.md's state table is where they come from.

All shares are of a service's connections, taken to be spread over the hash space as new ones are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vc5c.documents import Document, Service
from vc5c.plan.movement import Movement, movement


class Why(StrEnum):
    """Causes, as the JSON has them."""

    REMOVED = "service-removed"
    WITHDRAWN = "vip-withdrawn"
    NOT_ANNOUNCED = "vip-not-announced"
    MOVED = "slots-moved"
    LEAVING = "real-removed"
    DRAINING = "real-disabled"
    RETURNING = "real-enabled"
    UNTRACKED = "not-tracked"
    FIRST_PACKET = "udp-not-stored-before"
    LEASTCONN_OFF = "leastconn-turned-off"
    LEASTCONN_ON = "leastconn-turned-on"
    TAKEN_OVER = "other-service"


@dataclass(frozen=True)
class Cause:
    """A share of the connections with one fate. reals: those that they are with now, where that matters."""

    why: Why
    at_risk: bool
    share: float
    reals: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Effect:
    """Of one service of the old document. moved: share of slots that change owner."""

    service: str
    title: str
    moved: float
    causes: tuple[Cause, ...] = ()

    @property
    def at_risk(self) -> float:
        return min(1.0, sum(cause.share for cause in self.causes if cause.at_risk))

    @property
    def protected(self) -> float:
        return min(1.0, sum(cause.share for cause in self.causes if not cause.at_risk))


@dataclass(frozen=True)
class Flip:
    """A service before and after, and whether the same packet has the same hash in both."""

    old: Service
    new: Service
    same_hash: bool

    @property
    def remembers(self) -> bool:
        """A flow that began before is kept at its real where the table would move it."""
        if self.new.track == "minimal":
            return False
        return not self.takes_for_new

    @property
    def takes_for_new(self) -> bool:
        """UDP that stores every flow takes a packet without an entry for a flow's first."""
        return self.new.protocol == "udp" and full(self.new) and not full(self.old)

    @property
    def lost(self) -> Why:
        return Why.FIRST_PACKET if self.takes_for_new else Why.UNTRACKED


def full(service: Service) -> bool:
    """Whether every flow is stored."""
    return service.track == "full" or service.leastconn


@dataclass
class _Sums:
    """Causes, added up over reals."""

    shares: dict[tuple[Why, bool], float] = field(default_factory=dict)
    reals: dict[tuple[Why, bool], list[str]] = field(default_factory=dict)

    def add(self, why: Why, at_risk: bool, share: float, real: str) -> None:
        if share > 0:
            self.shares[why, at_risk] = self.shares.get((why, at_risk), 0.0) + share
            self.reals.setdefault((why, at_risk), []).append(real)

    def causes(self) -> tuple[Cause, ...]:
        named = {Why.LEAVING, Why.DRAINING, Why.RETURNING}
        found = [
            Cause(why, at_risk, share, tuple(self.reals[why, at_risk]) if why in named else ())
            for (why, at_risk), share in self.shares.items()
        ]
        return tuple(sorted(found, key=lambda cause: (not cause.at_risk, -cause.share, cause.why)))


class Disruption:
    """From one document to another. withdrawn, unheard: VIPs that are not announced any more, or were not
    before; why."""

    def __init__(
        self, old: Document, new: Document, withdrawn: Mapping[str, str], unheard: Mapping[str, str]
    ) -> None:
        self._old, self._new = old, new
        self._withdrawn, self._unheard = withdrawn, unheard
        self._vips = {service.vip.text for service in new.services.values()}
        self._movements: dict[tuple[str, str, bool], Movement] = {}

    def effects(self) -> tuple[Effect, ...]:
        """Of every service that is touched, in the services' order. Raises NotADocument."""
        services = sorted(self._old.services.values(), key=lambda service: service.key)
        return tuple(effect for service in services for effect in self._effect(service))

    def _effect(self, service: Service) -> Iterator[Effect]:
        after = self._new.services.get(service.name)
        touched = self._judge(service, after) if after else self._without(service)
        vip = service.vip.text
        if vip in self._unheard:
            if touched:
                detail = self._unheard[vip]
                cause = Cause(Why.NOT_ANNOUNCED, False, 0.0, detail=detail)
                yield Effect(service.name, service.title, touched.moved, (cause,))
        elif vip in self._withdrawn and vip in self._vips:
            cause = Cause(Why.WITHDRAWN, True, 1.0, detail=self._withdrawn[vip])
            yield Effect(service.name, service.title, touched.moved if touched else 0.0, (cause,))
        elif touched:
            yield touched

    def _judge(self, old: Service, new: Service) -> Effect | None:
        flip = Flip(old, new, self._same_hash(old, new))
        moves = self._movement(old, new)
        moved = float(moves.moved.sum())
        sums = _Sums()
        for real, kept, lost in zip(moves.reals, moves.kept.tolist(), moves.moved.tolist(), strict=True):
            _judge_moved(flip, real, lost, sums)
            if kept:
                _judge_kept(flip, real, kept, moved, sums)
        causes = sums.causes()
        return Effect(old.name, old.title, moved, causes) if moved or causes else None

    def _without(self, service: Service) -> Effect:
        """A service that is gone: the VIP's any-port service may take its flows over, not knowing them."""
        taker = self._new.services.get(f"{service.vip}:0:{service.protocol}") if service.port else None
        if taker is None:
            left = service.vip.text in self._vips
            detail = "its port becomes an unknown one" if left else "its VIP leaves"
            cause = Cause(Why.REMOVED, True, 1.0, detail=detail)
            return Effect(service.name, service.title, 1.0, (cause,))
        before = self._old.services.get(taker.name)
        if before and Flip(before, taker, True).remembers:
            taker = before  # in its own transition it answers for old flows as it did
            same_hash = service.sticky == before.sticky
        else:
            same_hash = self._same_hash(service, taker)
        moved = float(movement(service.table, taker.table, same_hash).moved.sum())
        cause = Cause(Why.TAKEN_OVER, True, moved, detail=f"{taker.name} takes its packets")
        return Effect(service.name, service.title, moved, (cause,) if moved else ())

    def _same_hash(self, old: Service, new: Service) -> bool:
        return self._old.seed == self._new.seed and old.sticky == new.sticky

    def _movement(self, old: Service, new: Service) -> Movement:
        key = old.table.digest, new.table.digest, self._same_hash(old, new)
        if key not in self._movements:
            self._movements[key] = movement(old.table, new.table, key[2])
        return self._movements[key]


def _judge_moved(flip: Flip, real: str, share: float, sums: _Sums) -> None:
    """Flows of slots that change owner: `real` owned them."""
    forgotten = flip.old.track == "minimal" and flip.old.reals[real].disabled
    if not flip.remembers or forgotten:  # the latter: they went elsewhere meanwhile, and nobody noted where
        sums.add(flip.lost, True, share, real)
    elif real not in flip.new.reals:
        sums.add(Why.LEAVING, False, share, real)
    else:
        sums.add(Why.MOVED, False, share, real)


def _judge_kept(flip: Flip, real: str, share: float, moved: float, sums: _Sums) -> None:
    """Flows of slots whose owner stays `real`. moved: the share of all slots that do not."""
    old, new = flip.old, flip.new
    if old.reals[real].disabled:
        _judge_displaced(flip, real, share, moved, sums)
    elif new.reals[real].disabled:
        sums.add(Why.DRAINING, not flip.remembers, share, real)
    elif old.leastconn and not full(new):
        sums.add(Why.LEASTCONN_OFF, not flip.remembers, share / 2, real)
    elif new.leastconn and flip.takes_for_new and len(new.reals) > 1:
        sums.add(Why.LEASTCONN_ON, True, share / 2, real)


def _judge_displaced(flip: Flip, real: str, share: float, moved: float, sums: _Sums) -> None:
    """Flows of slots whose owner is a disabled real: new ones went to others meanwhile."""
    old, new = flip.old, flip.new
    enabled = not new.reals[real].disabled
    if old.track == "minimal":  # all of them are elsewhere, and chosen for anew each packet
        if new.track == "minimal" or flip.takes_for_new:
            sums.add(flip.lost, True, share if enabled else share * moved, real)
        else:
            sums.add(Why.UNTRACKED, True, share, real)  # taken for the owner's own
    elif old.protocol == "udp" and not full(old):  # without SYN they all stayed with their owner
        if not enabled:
            sums.add(flip.lost, not flip.remembers, 0.0 if flip.remembers else share, real)
    elif not flip.remembers:
        sums.add(Why.UNTRACKED, True, share, real)
    elif enabled:
        sums.add(Why.RETURNING, False, share, real)
