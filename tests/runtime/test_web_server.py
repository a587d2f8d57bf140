"""The HTTP server: who may ask, what a browser is told, and what one status costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from vc5d import log
from vc5d.errors import Vc5Error
from vc5d.operator.reload import NOT_READY
from vc5d.web import visitors
from vc5d.web.listen import Listen, chosen
from vc5d.web.server import Content, Web

STATUS = {"version": "0", "digest": "d", "generation": 1, "started": 0, "interfaces": {}, "services": {}}
Ask = Callable[..., Awaitable[tuple[int, str, dict[str, str]]]]


@contextmanager
def free_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def serve(
    work: Callable[[Ask], Awaitable[None]],
    status: Callable[[], Awaitable[Any]],
    prefixes: Callable[[], Awaitable[Any]] | None = None,
) -> None:
    """`work` beside a server; it is given a way to ask: path, headers -> status, body, headers."""
    with free_port() as port:
        pass

    async def main() -> None:
        server = asyncio.create_task(
            Web(Content(status, prefixes=prefixes)).serve_for_ever(Listen("127.0.0.1", port))
        )
        async with aiohttp.ClientSession() as session:

            async def ask(path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
                async with session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer:
                    return answer.status, await answer.text(), {**answer.headers, "port": str(port)}

            async with asyncio.timeout(5):
                while True:
                    try:
                        await ask("/")
                        break
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0.02)
            await work(ask)
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)

    asyncio.run(main())


async def known() -> dict[str, Any]:
    return STATUS


def test_metrics_and_status() -> None:
    async def work(ask: Ask) -> None:
        status, page, headers = await ask("/metrics")
        assert (status, headers["Content-Type"][:26]) == (200, "text/plain; version=0.0.4;")
        assert "vc5_generation 1.0" in page
        _, page, headers = await ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        status, page, headers = await ask("/status.json")
        assert (status, json.loads(page)) == (200, STATUS)
        assert headers["Content-Type"].startswith("application/json")

    serve(work, known)


def test_prefixes_while_vc5d_starts_or_ends() -> None:
    async def not_yet() -> Any:
        raise NOT_READY

    async def work(ask: Ask) -> None:
        for path in ("/prefixes.json", "/prefixes6.json"):
            status, page, _ = await ask(path)
            assert (status, page) == (503, "vc5d is still starting, or ending\n")

    serve(work, known, not_yet)


@pytest.mark.parametrize("path", ["/metrics", "/status.json", "/access.json", "/events"])
def test_who_asks_for_the_head_alone_gets_no_body(path: str) -> None:
    """It would be taken for the answer to what is asked next."""

    async def work(ask: Ask) -> None:
        _, _, headers = await ask("/access.json")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(headers["port"]))
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405" if path == "/events" else b"HTTP/1.1 200")
        writer.write(b"GET /access.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

    serve(work, known)


def test_who_says_nothing_or_a_byte_at_a_time_is_shown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who listens to events stays, and all others are answered meanwhile."""
    monkeypatch.setattr(visitors, "PATIENCE", 0.5)
    monkeypatch.setattr(visitors, "_EVERY", 0.1)

    async def ended(reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionResetError):  # what it still sends finds nobody
            async with asyncio.timeout(15):
                while await reader.read(1000):
                    pass

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.05)

    async def work(ask: Ask) -> None:
        _, _, headers = await ask("/")
        port = int(headers["port"])
        silent, _ = await asyncio.open_connection("127.0.0.1", port)
        slow, slowly = await asyncio.open_connection("127.0.0.1", port)
        listening, listener = await asyncio.open_connection("127.0.0.1", port)
        listener.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in await listening.readline()
        dripping = asyncio.create_task(drip(slowly))
        await asyncio.gather(ended(silent), ended(slow))
        assert not listening.at_eof()
        assert (await ask("/status.json"))[0] == 200
        dripping.cancel()
        listener.close()

    serve(work, known)


def test_more_connections_than_fit_cost_those_that_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "MOST", 5)
    monkeypatch.setattr(visitors, "_EVERY", 0.1)

    async def work(ask: Ask) -> None:
        _, _, headers = await ask("/")
        opened = [await asyncio.open_connection("127.0.0.1", int(headers["port"])) for _ in range(12)]
        reads = [asyncio.create_task(reader.read(1)) for reader, _ in opened]
        async with asyncio.timeout(10):
            while sum(read.done() for read in reads) < 7:
                await asyncio.sleep(0.05)
        for read, (_, writer) in zip(reads, opened, strict=True):
            read.cancel()
            writer.close()

    serve(work, known)


def test_what_a_browser_is_told_also_with_errors() -> None:
    async def work(ask: Ask) -> None:
        for path in ("/metrics", "/status.json", "/nothing"):
            status, _, headers = await ask(path)
            assert status == (404 if path == "/nothing" else 200)
            assert headers["Content-Security-Policy"].startswith("default-src 'none';")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"

    serve(work, known)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("localhost", 200),
        ("LOCALHOST:8005", 200),
        ("[::1]:8005", 200),
        ("[::1]", 200),
        ("192.0.2.9", 200),
        (socket.gethostname(), 200),
        ("attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("localhost.attacker.example:8005", 421),
        ("", 421),
    ],
)
def test_only_by_its_own_name(host: str, status: int) -> None:
    async def work(ask: Ask) -> None:
        assert (await ask("/status.json", Host=host))[0] == status

    serve(work, known)


def test_a_name_server_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's full name is asked of DNS, and only for who comes by a name that is not known yet."""
    asked = []

    def slow(_: str = "") -> str:
        asked.append(1)
        time.sleep(1)
        return "lb1.of.mine"

    monkeypatch.setattr(socket, "getfqdn", slow)

    async def work(ask: Ask) -> None:
        began = time.monotonic()
        strangers = [asyncio.create_task(ask("/status.json", Host="attacker.example")) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert (await ask("/status.json", Host="localhost:8005"))[0] == 200
        assert (await ask("/status.json", Host=socket.gethostname()))[0] == 200
        assert time.monotonic() - began < 0.8
        assert {status for status, *_ in await asyncio.gather(*strangers)} == {421}
        assert (await ask("/status.json", Host="LB1.of.mine"))[0] == 200
        assert len(asked) == 1

    serve(work, known)


@pytest.mark.parametrize(
    "nonsense", [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
)
def test_nonsense_is_refused_and_not_logged(nonsense: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def work(ask: Ask) -> None:
        port = int((await ask("/"))[2]["port"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + nonsense)
        assert b"400 Bad Request" in await reader.read()
        writer.close()

    serve(work, known)
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


def test_many_who_ask_cost_one_status() -> None:
    calls = 0

    async def slow() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.1)
        return STATUS

    async def work(ask: Ask) -> None:
        answers = await asyncio.gather(*(ask("/status.json") for _ in range(20)))
        assert {status for status, *_ in answers} == {200}
        assert calls == 1
        await asyncio.sleep(0.6)
        await ask("/status.json")
        assert calls == 2

    serve(work, slow)


def test_a_status_that_cannot_be_had_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info")
    failures = [Vc5Error("still starting"), RuntimeError("secret")]

    async def failing() -> dict[str, Any]:
        raise failures.pop(0)

    async def work(ask: Ask) -> None:
        assert (await ask("/status.json"))[:2] == (503, "still starting\n")
        status, page, _ = await ask("/metrics")
        assert (status, page) == (503, "vc5d failed: its log says where\n")

    serve(work, failing)
    assert "web.defect" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_once_and_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.setup("info")
    monkeypatch.setattr("vc5d.web.server._AGAIN", 0.05)

    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = asyncio.create_task(Web(Content(known)).serve_for_ever(Listen("127.0.0.1", port)))
            await asyncio.sleep(0.3)
            assert not server.done()
        await asyncio.sleep(0.3)
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)

    asyncio.run(main())
    err = capsys.readouterr().err
    assert err.count("web.refused") == 1
    assert "web.listening" in err


@pytest.mark.parametrize(
    ("text", "shown", "local"),
    [
        ("127.0.0.1:8005", "127.0.0.1:8005", True),
        ("[::1]:8005", "[::1]:8005", True),
        ("192.0.2.1:80", "192.0.2.1:80", False),
        (":8080", "*:8080", False),
        ("*:8080", "*:8080", False),
    ],
)
def test_addresses(text: str, shown: str, local: bool) -> None:
    listen = Listen.parse(text)
    assert (str(listen), listen.is_local) == (shown, local)


@pytest.mark.parametrize(
    "text", ["", "8005", "localhost:80", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:x"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is n"):
        Listen.parse(text)


def test_the_document_says_where_unless_it_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info")
    option = Listen("127.0.0.1", 1)
    assert chosen(option, None) == chosen(option, "") == option
    assert chosen(option, ":9000") == Listen(None, 9000)
    assert chosen(option, "nonsense") == option
    assert "web.address" in capsys.readouterr().err
    assert chosen(None, ":9000") is None, "`--web none` is the last word"
