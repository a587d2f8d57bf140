"""Asking DNS, by threads of their own. Where no name server answers, each question takes very long: in the
event loop's own few threads some of them keep all else waiting that a thread does (status, metrics, reloads),
and vc5d from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Loop(asyncio.SelectorEventLoop):
    """By whose `getaddrinfo` all connections by name come about."""

    async def getaddrinfo(self, host: Any, port: Any, **wanted: int) -> Any:
        return await in_own_thread(lambda: socket.getaddrinfo(host, port, **wanted))


async def in_own_thread(work: Callable[[], T]) -> T:
    """Its result, or what it raises. Nobody waits for it when the loop ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(how: Callable[[], None]) -> None:
        if not done.done():  # somebody waits still
            how()

    def run() -> None:
        try:
            how = partial(done.set_result, work())
        except Exception as failure:
            how = partial(done.set_exception, failure)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, how)

    threading.Thread(target=run, name="lookup", daemon=True).start()
    return await done
