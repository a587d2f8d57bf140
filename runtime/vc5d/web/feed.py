"""The console's server-sent events: what changed, once a second, made once for all who look.

A client that does not take what it is sent is dropped: its browser comes again and starts from a whole state.
While nobody looks only the graphs are kept, every few seconds, so that a new page has some minutes of
history. Where making the status takes long (very many reals) all of it comes more rarely: at most a tenth of
the time.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from .. import log
from ..activity import Activity
from ..announce.bird_client import Sessions
from ..errors import Vc5Error
from . import overview

StatusNow = Callable[[], Awaitable[overview.Status]]
AskBird = Callable[[], Awaitable[Sessions]]

CLIENTS = 32
_BEHIND = 8  # messages that a client may be behind
_LOOKED_AT, _UNSEEN = 1.0, 5.0  # s between two statuses
_SHARE = 10  # a status may take one part in so many of the time
_HISTORY = 300  # points of the graphs
_BIRD = 5.0  # s between two questions to BIRD


class Client:
    """Of one open page: messages to send it; None: it was dropped."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)

    def give(self, message: bytes) -> bool:
        """False: it is too far behind."""
        try:
            self.messages.put_nowait(message)
        except asyncio.QueueFull:
            while not self.messages.empty():
                self.messages.get_nowait()
            self.messages.put_nowait(None)
            return False
        return True


class Feed:
    """`status` may raise Vc5Error while there is none. `bird`: None: nobody is asked. `counts`: what
    overview.brief makes of a status, where it is to be had without one."""

    def __init__(
        self, status: StatusNow, activity: Activity, bird: AskBird | None, counts: StatusNow | None = None
    ) -> None:
        self._counts_now = counts
        self._status_now, self._activity, self._bird = status, activity, bird
        self._clients: set[Client] = set()
        self._woken = asyncio.Event()
        self._history: deque[list[float]] = deque(maxlen=_HISTORY)
        self._view: overview.View = {}
        self._bgp: overview.View = {"bgp": {"why": "not asked yet"}} if bird else {}
        self._asked_bird = -_BIRD
        self._before: tuple[float, overview.Status] | None = None  # as overview.brief has it
        self._tick = self._event = 0

    def join(self) -> Client | None:
        """None: there are too many already."""
        if len(self._clients) >= CLIENTS:
            return None
        client = Client()
        self._clients.add(client)
        self._woken.set()
        return client

    def leave(self, client: Client) -> None:
        self._clients.discard(client)

    async def state(self) -> bytes:
        """The whole, for a page that begins."""
        if not self._view:
            await self._look(whole=True)
        whole = {
            "tick": self._tick,
            "view": self._view,
            "history": list(self._history),
            "events": [asdict(each) for each in self._activity.events()],
        }
        return await asyncio.to_thread(_message, "state", whole)

    async def run_for_ever(self) -> None:
        while True:
            begin = time.monotonic()
            try:
                await self._look()
            except Vc5Error:
                pass  # starting, or ending
            except Exception as failure:  # a page without news must not end the daemon
                log.defect("console.defect", failure)
            took = time.monotonic() - begin
            await self._pause(begin + _SHARE * took)

    async def _pause(self, not_before: float) -> None:
        """Until the next look is due; a first client wakes it."""
        self._woken.clear()
        end = time.monotonic() + (_LOOKED_AT if self._clients else _UNSEEN)
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                while True:
                    await self._woken.wait()
                    self._woken.clear()
                    if not self._tick or len(self._clients) == 1:
                        break
        except TimeoutError:
            pass
        await asyncio.sleep(max(0.0, not_before - time.monotonic()))

    async def _look(self, *, whole: bool = False) -> None:
        """While nobody looks only the graphs' counts are asked for, unless `whole`."""
        now, seen = time.time(), whole or bool(self._clients)
        if self._before and now - self._before[0] < 0.2 and self._view:
            return  # somebody else has just looked
        status = None
        if self._counts_now and not seen:
            after = await self._counts_now()
        else:
            status = await self._status_now()
            after = await asyncio.to_thread(overview.brief, status)
        then, former = self._before or (now, None)
        if former:
            counts = overview.totals(former), overview.totals(after)
            self._history.append(overview.point(*counts, now, now - then))
        self._before = (now, after)
        if status is not None and (seen or not self._view):
            shown = await asyncio.to_thread(overview.view, status, former, now - then)
            await self._ask_bird()
            self._publish(shown | self._bgp)

    async def _ask_bird(self) -> None:
        if self._bird is None or time.monotonic() - self._asked_bird < _BIRD:
            return
        self._asked_bird = time.monotonic()
        found = await self._bird()
        sessions = {each.name: asdict(each) for each in found.sessions}
        self._bgp = {"bgp": {"why": found.why, "sessions": sessions}}

    def _publish(self, view: overview.View) -> None:
        self._tick += 1
        events = self._activity.events(self._event)
        self._event = events[-1].number if events else self._event
        changes = overview.delta(self._view, view)
        self._view = view
        if not self._clients:
            return
        news: dict[str, Any] = {
            "tick": self._tick,
            "changes": changes,
            "point": self._history[-1] if self._history else None,
            "events": [asdict(each) for each in events],
        }
        message = _message("delta", news)
        for client in list(self._clients):
            if not client.give(message):
                log.debug("console.slow")
                self.leave(client)


def _message(event: str, value: object) -> bytes:
    """As https://html.spec.whatwg.org/multipage/server-sent-events.html; JSON has no line breaks."""
    return f"event: {event}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
