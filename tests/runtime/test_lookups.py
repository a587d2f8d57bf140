"""DNS that does not answer, and those that do not ask it."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from vc5d.loop import courtesy


def test_lookups_under_way_hold_up_neither_the_pool_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))

    async def work() -> None:
        loop = asyncio.get_running_loop()
        lookups = [asyncio.create_task(loop.getaddrinfo("es1.example", 9200)) for _ in range(40)]
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(lambda: "as ever") == "as ever"
        for lookup in lookups:
            lookup.cancel()

    began = time.monotonic()
    courtesy.run(work())
    assert time.monotonic() - began < 3


def test_what_they_find_and_what_they_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert {address for *_, address in found} == {("127.0.0.1", 80)}

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(socket.gaierror, match="not known"):
            await loop.getaddrinfo("es1.example", 9200)

    courtesy.run(work())
