"""Reloading: one at a time, at a signal or on request, and what came of the last one.

The document itself is not touched here: `replace` puts a new one in place of the old, or raises and leaves
the old one running.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pyroute2.netlink.exceptions import NetlinkError

from .. import log
from ..errors import Vc5Error
from ..systemd import notify
from .status import ReloadFailure

NOT_READY = Vc5Error("vc5d is still starting, or ending", "try again in a moment")


class Ended(Protocol):
    def __call__(self, seconds: float, *, failed: bool) -> None: ...


class Reloads:
    """running: the digest of the document that is live. replace: reads the file and makes it live.
    ended: told of the seconds that each took. `failure`: why the last reload failed; None if it did not."""

    def __init__(
        self, running: Callable[[], str], replace: Callable[[], Awaitable[None]], ended: Ended
    ) -> None:
        self.failure: ReloadFailure | None = None
        self._running, self._replace, self._ended = running, replace, ended
        self._accepted = False
        self._wanted = False  # a signal came before any was accepted
        self._one_at_a_time = asyncio.Lock()

    def accept(self) -> None:
        """The daemon is ready. A signal that came before is heeded now."""
        self._accepted = True
        if self._wanted:
            self.at_signal()

    def refuse(self) -> None:
        """The daemon ends; a reload that is under way goes on."""
        self._accepted = False

    async def finish(self) -> None:
        """Returns when none is under way."""
        async with self._one_at_a_time:
            pass

    def at_signal(self) -> None:
        async def quietly() -> None:
            with contextlib.suppress(Vc5Error):  # reload() has logged it and remembers it
                await self.reload()

        if not self._accepted:
            self._wanted = True
            return
        self._task = asyncio.create_task(quietly())

    async def reload(self) -> dict[str, Any]:
        """Read the document again and apply it; on any failure the one that is running stays.
        Raises Vc5Error."""
        if not self._accepted:
            raise NOT_READY
        async with self._one_at_a_time:
            if not self._accepted:
                raise NOT_READY
            notify.reloading()
            before, begin = self._running(), time.monotonic()
            try:
                await self._replace_or_say_why()
            except Vc5Error as failure:
                running = self._running()
                log.error("reload.failed", error=failure.message, hint=failure.hint, running=running)
                self.failure = ReloadFailure(failure.message, failure.hint, time.time())
                self._ended(time.monotonic() - begin, failed=True)
                raise
            finally:
                notify.ready()
            self.failure = None
            self._ended(time.monotonic() - begin, failed=False)
            digest = self._running()
            log.info("reload.done", digest=digest, changed=digest != before)
            return {"digest": digest, "changed": digest != before}

    async def _replace_or_say_why(self) -> None:
        try:
            await self._replace()
        except Vc5Error:
            raise
        except (NetlinkError, OSError) as failure:
            raise Vc5Error(f"the kernel refused: {failure}") from failure
        except Exception as failure:
            log.defect("reload.defect", failure)
            raise Vc5Error(f"vc5d failed: {failure!r}", "this is a defect; the log says where") from failure
