"""The real HTTP server over a sample, on a port of its own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vc5d.web.listen import Listen
from vc5d.web.server import Content, Web

from . import sample


def content(services: int = 8, reals: int = 6) -> Content:
    """All that the console can show; nothing can be changed."""
    return Content(
        status=sample.Sample(services, reals).status,
        activity=sample.activity(time.time()),
        prefixes=sample.prefixes,
        bird=sample.bird,
    )


@asynccontextmanager
async def served(shown: Content) -> AsyncIterator[tuple[str, Web]]:
    """Its URL, and the server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    web = Web(shown)
    tasks = [
        asyncio.create_task(web.feed.run_for_ever()),
        asyncio.create_task(web.serve_for_ever(Listen("127.0.0.1", port))),
    ]
    try:
        await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}/", web
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
