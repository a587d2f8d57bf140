"""What vc5ctl and the console are told: of what is live, and nothing before vc5d is ready or while it ends.

Whatever takes long with very many reals is made into JSON by a thread, beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from ..document import Document
from ..plane import Dataplane, PlaneThread
from ..reals import Reals
from ..tracing.tracers import Tracers
from .control import Command, Request
from .flowlist import Asked
from .reload import NOT_READY
from .status import DaemonSide, counts, status


@dataclass(frozen=True)
class Live:
    """Whom to ask. document: the live one; side: what the daemon itself knows, at this moment."""

    plane: PlaneThread
    dataplane: Dataplane
    reals: Reals
    tracers: Tracers
    document: Callable[[], Document]
    side: Callable[[], DaemonSide]


class Answers:
    """`live`: None unless vc5d is ready. All raise Vc5Error then."""

    live: Live | None = None

    def _ready(self) -> Live:
        if self.live is None:
            raise NOT_READY
        return self.live

    async def operated(self, command: Command, request: Request) -> Any:
        """Something that changes what is live: only while anything is."""
        self._ready()
        return await command(request)

    async def status(self, _: Request) -> dict[str, Any]:
        live = self._ready()
        captured = await live.plane.look(live.dataplane.capture)
        return await asyncio.to_thread(status, live.document(), captured, live.reals, live.side())

    async def counts(self) -> dict[str, Any]:
        """Of the status what the console's graphs need, which somebody may want to see later."""
        live = self._ready()
        captured = await live.plane.look(live.dataplane.capture)
        return await asyncio.to_thread(counts, captured)

    async def flows(self, request: Request) -> dict[str, Any]:
        live = self._ready()
        listing = await live.plane.look(live.dataplane.list_flows, Asked.of(request))
        while await live.plane.look(live.dataplane.step_flows, listing):
            pass
        return listing.result()

    def trace(self, request: Request) -> AsyncGenerator[Any, None]:
        return self._ready().tracers.trace(request)

    async def prefixes(self) -> Any:
        """Where packets come from."""
        live = self._ready()
        return await live.plane.look(live.dataplane.prefixes)
