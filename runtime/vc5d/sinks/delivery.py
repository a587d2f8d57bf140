"""Sending until it is taken: one thing at a time, less and less often while it fails, and what became of it.

Says sink.failed once, sink.works when that is over, and sink.rejected when something is refused for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .. import log
from .secret import Hidden

T = TypeVar("T")

SOONEST, LATEST = 1.0, 60.0  # s between two tries
_LONGEST_ASKED = 600.0  # s: however long a server asks to be left alone
_TIMEOUT = 10.0  # s
_LONGEST = 200  # characters of an error


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """sent, rejected: how many events. again: what is still to be sent; None: nothing. why: "": nothing
    failed or was refused. wait: with what is still to be sent, since it failed. after: seconds to, if the
    server said so."""

    sent: int = 0
    rejected: int = 0
    again: T | None = None
    why: str = ""
    wait: bool = False
    after: float | None = None


Send = Callable[[T], Awaitable[Outcome[T]]]


@dataclass
class Counts:
    """Of events, for the status. last_error: None while all is well."""

    sent: int = 0
    dropped: int = 0
    last_error: str | None = None


class Delivery(Generic[T]):
    """hidden: what is secret, and must be in no message. hurry: set once vc5d ends."""

    def __init__(self, name: str, send: Send[T], hidden: Hidden) -> None:
        self.name = name
        self.counts = Counts()
        self.hurry = asyncio.Event()
        self._send = send
        self._hidden = hidden
        self._failing = False

    async def deliver(self, what: T) -> None:
        """Returns when it is sent or refused for good."""
        left: T | None = what
        pause = SOONEST
        while left is not None:
            outcome = await self._try(left)
            self._note(outcome)
            left = outcome.again
            if left is None:
                return
            if not outcome.wait:
                pause = SOONEST
                continue
            await self._wait(_pause(outcome.after, pause))
            pause = min(2 * pause, LATEST)

    def words(self, failure: BaseException | str) -> str:
        """Of a failure and what caused it, short, in one line, without secrets."""
        text = failure if isinstance(failure, str) else _said(failure)
        clean = "".join(each if each.isprintable() else " " for each in self._hidden(text))
        return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"

    def give_up(self, events: int) -> None:
        """So many will never be sent."""
        self.counts.dropped += events
        if events:
            log.warning(
                "sink.unsent", sink=self.name, events=events, error=self.counts.last_error or "no time"
            )

    async def _try(self, what: T) -> Outcome[T]:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._send(what)
        except TimeoutError:
            return Outcome(again=what, wait=True, why=f"no answer in {_TIMEOUT:.0f} s")
        except Exception as failure:  # whatever a library does, the sink lives on
            return Outcome(again=what, wait=True, why=self.words(failure))

    def _note(self, outcome: Outcome[T]) -> None:
        counts = self.counts
        counts.sent += outcome.sent
        counts.dropped += outcome.rejected
        why = self.words(outcome.why) if outcome.why else None
        if outcome.rejected:
            log.warning("sink.rejected", sink=self.name, error=why, dropped=counts.dropped)
        if outcome.wait and not self._failing:
            self._failing = True
            log.warning("sink.failed", sink=self.name, error=why)
        if outcome.sent and not outcome.wait and self._failing:
            self._failing = False
            log.info("sink.works", sink=self.name, sent=counts.sent, dropped=counts.dropped)
        counts.last_error = why

    async def _wait(self, seconds: float) -> None:
        """At the end of vc5d a last few tries come soon."""
        if self.hurry.is_set():
            await asyncio.sleep(0.2)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()


def _said(failure: BaseException) -> str:
    """`TLS error: certificate verify failed`: libraries wrap what says more."""
    text = str(failure) or type(failure).__name__
    cause = failure.__cause__ or failure.__context__
    return text if cause is None or str(cause) in text else f"{text}: {_said(cause)}"


def _pause(asked: float | None, pause: float) -> float:
    """Seconds: as long as the server asked for, or about `pause`, lest all load balancers come at once."""
    if asked is not None:
        return min(max(asked, 0.0), _LONGEST_ASKED)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
