"""HTTP checks against answers as no good server gives them, on the loopback."""

from __future__ import annotations

import asyncio

import pytest
from vc5d.health.checks import Check
from vc5d.health.connect import Connector
from vc5d.health.http import HttpProber, request
from vc5d.health.state import Result
from vc5d.health.target import Target

pytestmark = pytest.mark.lab  # a marked socket needs CAP_NET_ADMIN


def answered(*parts: bytes, check: Check = Check("http", 0, path="/x")) -> tuple[Result, bytes]:  # noqa: B008
    """What a check makes of an answer that comes in these parts, then the end; and what it sent."""

    async def main() -> tuple[Result, bytes]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sent.append(await reader.readuntil(b"\r\n\r\n"))
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            except ConnectionError:
                pass  # the check had read enough
            writer.close()

        sent: list[bytes] = []
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connector = Connector()
        try:
            made = Check(check.type, port, path=check.path, method=check.method)
            async with asyncio.timeout(5):
                return await HttpProber(connector).probe(Target("127.0.0.1", 0, ""), made), sent[0]
        finally:
            connector.close()
            server.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n"], Result(True, "HTTP 200")),
        ([bytes([each]) for each in b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n"], Result(True, "HTTP 200")),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], Result(True, "HTTP 200")),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\n\r\n"], "HTTP 204, expected 200"),
        (
            [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
            "HTTP 101, expected 200",
        ),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense"], Result(True, "HTTP 200")),
        ([b"HTTP/1.1 200 OK\r\nA: b\r\n"], "the connection was closed without an answer"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "not HTTP: "),
        ([b"HTTP/1.1 2x0 OK\r\n\r\n"], "not HTTP: "),
        (
            [b"HTTP/1.1 200 OK\r\n", *[b"A: " + b"b" * 8000 + b"\r\n"] * 20],
            "not HTTP: the head of the answer has",
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else getattr(value, "reason", value),
)
def test_the_head_decides(parts: list[bytes], expected: Result | str) -> None:
    result, _ = answered(*parts)
    if isinstance(expected, Result):
        assert result == expected
    else:
        assert result.passed is False
        assert result.reason.startswith(expected)


def test_what_is_sent() -> None:
    _, sent = answered(b"HTTP/1.1 200 OK\r\n\r\n", check=Check("http", 0, path="alive", method="HEAD"))
    first, host, *rest = sent.decode().split("\r\n")
    assert first == "HEAD /alive HTTP/1.1"
    assert host.startswith("Host: 127.0.0.1:")
    assert rest == ["User-Agent: vc5d", "Accept: */*", "Connection: close", "", ""]


@pytest.mark.parametrize(
    ("check", "vip", "host"),
    [
        (Check("http", 80), "192.0.2.1", "192.0.2.1"),
        (Check("https", 443), "2001:db8::1", "[2001:db8::1]"),
        (Check("https", 80), "2001:db8::1", "[2001:db8::1]:80"),
        (Check("http", 8080, host="www.example.org"), "192.0.2.1", "www.example.org"),
    ],
)
def test_whose_name_is_in_it(check: Check, vip: str, host: str) -> None:
    assert f"\r\nHost: {host}\r\n" in request(check, vip).decode()
