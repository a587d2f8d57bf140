"""The HTTP server over given content, beside a test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from vc5d.web.listen import Listen
from vc5d.web.server import Content, Web


@dataclass
class Client:
    """Of the server: `session` by TCP at `url`; `local` by the UNIX socket, if there is one."""

    web: Web
    url: str
    session: aiohttp.ClientSession
    local: aiohttp.ClientSession | None

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def raw(self, request: bytes) -> bytes:
        """What is answered to these very bytes, whole."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return answer


def serve(content: Content, work: Callable[[Client], Awaitable[None]], path: Path | None = None) -> None:
    """`work` beside the server. path: of a UNIX socket beside the port."""

    async def main() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        web = Web(content)
        listens: list[Any] = [Listen("127.0.0.1", port), *([path] if path else [])]
        tasks = [asyncio.create_task(web.serve_for_ever(each)) for each in listens]
        tasks.append(asyncio.create_task(web.feed.run_for_ever()))
        local = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) if path else None
        try:
            async with aiohttp.ClientSession() as session:
                await _until_served(port, path)
                await work(Client(web, f"http://127.0.0.1:{port}", session, local))
        finally:
            if local:
                await local.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


async def _until_served(port: int, path: Path | None) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                if path is None or path.is_socket():
                    return
            except OSError:
                pass
            await asyncio.sleep(0.01)
