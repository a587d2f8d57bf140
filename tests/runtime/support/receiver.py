"""An HTTP server that stands for Slack, Teams or Elasticsearch.

A fake, since the first two are other people's services and the third is not installable here. It is a real
server on a real socket, so that what is tested is what goes over the wire; what it is told to answer comes
from their documentation.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Answer = Callable[["Received"], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    when: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Receiver:
    """answers: one for each request in turn, the last one for all after that."""

    answers: list[Answer]
    received: list[Received] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.listen()
        return self

    async def listen(self) -> None:
        self._site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self.tls, reuse_address=True
        )
        await self._site.start()
        self.port = self._site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def until(self, count: int, seconds: float = 8) -> None:
        """Until so many requests came."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                await asyncio.sleep(0.01)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        received = Received(request.path_qs, dict(request.headers), await request.read(), now)
        self.received.append(received)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        response = await answer(received)
        if getattr(response, "abort", False):
            assert request.transport
            request.transport.abort()
        return response


def says(status: int, text: str = "ok", **headers: str) -> Answer:
    async def answer(_: Received) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


async def hangs(_: Received) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


async def resets(_: Received) -> web.StreamResponse:
    response = web.Response()
    response.abort = True  # type: ignore[attr-defined]
    return response


def bulk(*statuses: int, take: bool = True) -> Answer:
    """Elasticsearch's answer to a bulk request: its items' statuses, the last one for all further ones."""

    async def answer(received: Received) -> web.StreamResponse:
        count = len(received.lines) // 2
        items = []
        for number in range(count):
            status = statuses[min(number, len(statuses) - 1)] if statuses else 201
            item: dict[str, Any] = {"_index": "vc5", "status": status}
            if status >= 400:
                item["error"] = {"type": "some_exception", "reason": f"said {status}"}
            items.append({"create": item})
        return elastic(200, {"took": 1, "errors": bool(statuses), "items": items})

    return answer


def elastic(status: int, body: Any) -> web.Response:
    """With the header by which the client knows the product."""
    return web.Response(
        status=status,
        text=json.dumps(body),
        content_type="application/json",
        headers={"X-Elastic-Product": "Elasticsearch"},
    )


def elastic_says(status: int, body: Any) -> Answer:
    async def answer(_: Received) -> web.StreamResponse:
        return elastic(status, body)

    return answer
