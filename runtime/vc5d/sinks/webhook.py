"""Slack, Teams and what speaks like them: a message of a few lines, by HTTP, at most one a second.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import html
import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from ..loop.supervise import cancel, only_log, start
from .delivery import Counts, Delivery, Outcome
from .digest import Digest, Line
from .secret import Hidden
from .sink import Sink
from .told import Told

_AT_MOST_EVERY = 1.0  # s
_LINES = 20
_TIMEOUT = aiohttp.ClientTimeout(total=8, connect=5)
_ICONS = ((3, "🔴"), (4, "🟠"), (7, "🟢"))


@dataclass(frozen=True)
class Message:
    """events: how many it stands for."""

    lines: tuple[str, ...]
    events: int

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Message:
        shown = [f"{_icon(line.severity)} {line.text}" for line in lines[:_LINES]]
        if more := lines[_LINES:]:
            shown.append(
                f"… and {sum(line.events for line in more)} events about {len(more)} others; the log has them"
            )
        head = f"{socket.gethostname()}, {time.strftime('%H:%M:%S', time.gmtime())} UTC"
        return cls((head, *shown), sum(line.events for line in lines))


class WebhookSink:
    """Make it inside the running loop, and offer to it from there only."""

    def __init__(self, name: str, kind: str, level: int, url: str) -> None:
        self._url, self._body = url, {"slack": slack, "teams": teams}[kind]
        self._digest = Digest(level)
        self._delivery = Delivery[Message](name, self._post, Hidden([url]))
        self._message: Message | None = None  # under way
        self._session: aiohttp.ClientSession | None = None
        self._clock = asyncio.get_running_loop().time
        self._earlier = asyncio.Event()
        self._task = start(self._for_ever(), only_log, f"sink {name}")

    @property
    def queued(self) -> int:
        return self._digest.events + (self._message.events if self._message else 0)

    @property
    def counts(self) -> Counts:
        return self._delivery.counts

    def offer(self, event: Told) -> None:
        """Never blocks, never raises."""
        before = self._digest.next_due
        self.counts.dropped += self._digest.add(event, self._clock())
        if self._digest.next_due < before:
            self._earlier.set()

    def succeed(self, old: Sink) -> None:
        """Go on where an older one ends."""
        self._delivery.counts = old.counts
        if isinstance(old, WebhookSink):
            old._task.cancel()
            self._digest.succeed(old._digest)
            self._message, old._message, old._digest = old._message, None, Digest(0)

    async def stop(self, seconds: float) -> None:
        """Tell what is there, for so long at most."""
        self._delivery.hurry.set()
        self._earlier.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.queued:
                    await asyncio.sleep(0.02)
        await cancel(self._task)
        self._delivery.give_up(self.queued)
        if self._session:
            await self._session.close()

    async def _for_ever(self) -> None:
        while True:
            if self._message is None:
                await self._until_due()
                hurried = self._delivery.hurry.is_set()
                lines = self._digest.take(float("inf") if hurried else self._clock())
                self._message = Message.of(lines) if lines else None
            if self._message is not None:
                await self._delivery.deliver(self._message)
                self._message = None
                if not self._delivery.hurry.is_set():
                    await asyncio.sleep(_AT_MOST_EVERY)

    async def _until_due(self) -> None:
        self._earlier.clear()
        due = self._digest.next_due
        if self._delivery.hurry.is_set() and due < float("inf"):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due if due < float("inf") else None):
                await self._earlier.wait()

    async def _post(self, message: Message) -> Outcome[Message]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True)
        body = json.dumps(self._body(message.lines), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
            said = (await answer.content.read(200)).decode(errors="replace")
            return judge(message, answer.status, said, answer.headers)


def judge(message: Message, status: int, said: str, headers: Mapping[str, str]) -> Outcome[Message]:
    """Teams' older webhooks answer 200 also when they are asked too often, and say so in words."""
    busy = status in (408, 425, 429) or status >= 500 or (status == 200 and "HTTP error 429" in said)
    if busy:
        why = f"HTTP {status}: {said}"
        return Outcome(again=message, wait=True, why=why, after=_retry_after(headers.get("Retry-After", "")))
    if 200 <= status < 300:
        return Outcome(sent=message.events)
    return Outcome(rejected=message.events, why=f"HTTP {status}: {said}")


def slack(lines: Sequence[str]) -> dict[str, Any]:
    """What comes from outside must not become a link or a call for everybody: Slack wants &, < and >
    escaped."""
    return {"text": "\n".join(html.escape(line, quote=False) for line in lines)}


def teams(lines: Sequence[str]) -> dict[str, Any]:
    """An adaptive card of text runs, in which nothing is markup."""
    body = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "msteams": {"width": "Full"},
        "body": body,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _icon(severity: int) -> str:
    return next((icon for least, icon in _ICONS if severity <= least), "🟢")


def _retry_after(text: str) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
