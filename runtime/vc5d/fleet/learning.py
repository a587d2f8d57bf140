"""A start: what a load balancer waits for before it announces (docs/sharing.md, rule 6)."""

from __future__ import annotations

from collections.abc import Sequence

NOBODY = 5.0  # s: a fleet that is there is heard of by then, each having proved itself to the other
AT_MOST = 15.0  # s, unless the document says
DEAF = 30.0  # s of a start in which nobody could be heard, and which do not count; a busy host takes some
_TOLD = 3.0  # s: hear_nothing_yet is told at least so often


class Learning:
    """One of it from the start on. `asked`: the peer whose answer is awaited; `why`: how it ended, in words,
    "" before."""

    def __init__(self, started: float, at_most: float = AT_MOST) -> None:
        self._at_most, self._latest = at_most, started + at_most + DEAF
        self._heard_all, self._end = started + NOBODY, started + at_most
        self._failed: set[str] = set()
        self.asked: str | None = None
        self.why = ""

    @property
    def learned(self) -> bool:
        return bool(self.why)

    def hear_nothing_yet(self, now: float, *, failed: bool) -> None:
        """There is no way to hear anyone yet: the clocks begin when there is. Announcing without having asked
        would break what others could have told of. failed: it was tried in vain, and nobody knows for how
        long: then `at_most` goes on."""
        self._heard_all = now + NOBODY
        if not failed:
            self._end = min(now + max(self._at_most, _TOLD), self._latest)

    def give_up(self, why: str) -> None:
        """Nobody will be heard: there is nothing to wait for."""
        self.why = self.why or why

    def heard_all(self, now: float) -> bool:
        """A peer that is there was heard by now."""
        return now >= self._heard_all

    def left(self, now: float) -> float:
        """Seconds that it may still last; 0: it is over."""
        return 0.0 if self.learned else max(0.0, self._end - now)

    def advance(self, now: float, able: Sequence[str]) -> str | None:
        """`able`: live peers that are not learning themselves. Whom to ask now; None: nobody."""
        if self.learned:
            return None
        if now >= self._end:
            self.why = "the time for it is over"
        elif self.asked and self.asked not in able:
            self.failed(self.asked)
        elif not self.asked and not able and now >= self._heard_all:
            self.why = "there is nobody to learn from"
        if self.learned or self.asked:
            return None
        if able:
            fresh = [peer for peer in able if peer not in self._failed]
            if not fresh:
                self._failed.clear()
            self.asked = (fresh or list(able))[0]
        return self.asked

    def failed(self, peer: str) -> None:
        """The answer did not come, or not whole."""
        if peer == self.asked:
            self._failed.add(peer)
            self.asked = None

    def got(self, peer: str) -> None:
        """All of it came, and is in place."""
        if peer == self.asked and not self.learned:
            self.asked, self.why = None, f"from {peer}"
