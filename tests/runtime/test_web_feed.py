"""Server-sent events: the whole first, then what changed; made once for all; whoever is slow is dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from support.web import Client, serve
from vc5d.activity import Activity
from vc5d.announce.bird_client import Session, Sessions
from vc5d.errors import Vc5Error
from vc5d.web import feed, overview
from vc5d.web.server import Content

KEY = "192.0.2.1:80:tcp"


class Source:
    """A status whose real has one packet more each time."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing: Exception | None = None

    async def status(self) -> dict[str, Any]:
        self.asked += 1
        if self.failing:
            raise self.failing
        real = {"state": "accepting", "packets": 100 * self.asked, "bytes": 0, "flows": 0, "sessions": 0}
        return {
            "version": "1",
            "services": {KEY: {"name": "web", "need": 1, "slots": {}, "reals": {"10.0.0.1": real}}},
        }


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("_LOOKED_AT", 0.25), ("_UNSEEN", 0.5), ("_SHARE", 0)):
        monkeypatch.setattr(feed, name, seconds)
    monkeypatch.setattr("vc5d.web.server._FRESH", 0.01)


async def events(answer: aiohttp.ClientResponse, count: int) -> list[tuple[str, Any]]:
    """The next of a stream: event, data."""
    found: list[tuple[str, Any]] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            lines = (await answer.content.readuntil(b"\n\n")).decode().splitlines()
            fields = dict(line.split(": ", 1) for line in lines if line)
            if "data" in fields:
                found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_the_whole_then_what_changed() -> None:
    activity = Activity()
    activity.on_event("before", "info", {"a": 1}, 1.0)

    async def work(client: Client) -> None:
        await asyncio.sleep(0.8)
        async with client.session.get(f"{client.url}/events") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            [(name, whole)] = await events(answer, 1)
            assert name == "state"
            assert whole["view"]["services"][KEY]["accepting"] == 1
            assert [each["event"] for each in whole["events"]] == ["before"]
            assert whole["history"], "a new page has the graphs of the time before it"
            activity.on_event("after", "warning", {}, 2.0)
            news = await events(answer, 4)
        assert {name for name, _ in news} == {"delta"}
        later = [each for _, each in news if each["tick"] > whole["tick"]]
        assert [each["tick"] for each in later] == sorted(each["tick"] for each in later)
        assert any("services" in each["changes"] for each in later)
        assert all("host" not in each["changes"] for each in later), "nothing of it changed"
        assert [event["event"] for each in later for event in each["events"]].count("after") == 1
        assert len(later[-1]["point"]) == 6

    serve(Content(Source().status, activity), work)


def test_while_nobody_looks_only_counts_are_asked_for() -> None:
    source, asked = Source(), 0

    async def counts() -> Mapping[str, Any]:
        nonlocal asked
        asked += 1
        return overview.brief(await Source().status())

    async def work(client: Client) -> None:
        await asyncio.sleep(0.8)
        assert source.asked == 0
        assert asked
        async with client.session.get(f"{client.url}/events") as answer:
            [(_, whole), (name, delta)] = await events(answer, 2)
        assert whole["view"]["services"][KEY]["accepting"] == 1
        assert (name, len(delta["point"])) == ("delta", 6)
        assert source.asked

    serve(Content(source.status, counts=counts), work)


def test_many_pages_cost_what_one_costs() -> None:
    source = Source()

    async def work(client: Client) -> None:
        answers = [await client.session.get(f"{client.url}/events") for _ in range(20)]
        streams = await asyncio.gather(*(events(each, 3) for each in answers))
        assert [name for name, _ in streams[0]] == ["state", "delta", "delta"]
        before = source.asked
        await asyncio.sleep(1.0)
        assert source.asked - before <= 5
        for each in answers:
            each.close()

    serve(Content(source.status), work)


def test_there_is_an_end_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CLIENTS", 2)

    async def work(client: Client) -> None:
        first = await client.session.get(f"{client.url}/events")
        second = await client.session.get(f"{client.url}/events")
        assert (await client.get("/events"))[0] == 503
        assert (await client.get("/status.json"))[0] == 200
        first.close()
        await asyncio.sleep(0.8)  # it is noticed when it is written to
        assert (await client.session.get(f"{client.url}/events")).status == 200
        second.close()

    serve(Content(Source().status), work)


def test_a_client_that_is_behind_is_dropped_and_told_so() -> None:
    slow = feed.Client()
    for number in range(8):
        assert slow.give(b"%d" % number)
    assert not slow.give(b"too many")
    assert slow.messages.get_nowait() is None
    assert slow.messages.empty()


def test_one_that_never_reads_neither_fills_memory_nor_holds_up_others() -> None:
    async def work(client: Client) -> None:
        host, port = client.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(0.3)
        web_feed = client.web.feed
        [stuck] = web_feed._clients
        for _ in range(20):
            stuck.give(b"x" * 1_000_000)
        async with client.session.get(f"{client.url}/events") as answer:
            assert (await events(answer, 2))[1][0] == "delta"
        assert stuck not in web_feed._clients or stuck.messages.qsize() <= 8
        writer.close()

    serve(Content(Source().status), work)


def test_while_there_is_no_status_the_feed_waits() -> None:
    source = Source()
    source.failing = Vc5Error("starting")

    async def work(client: Client) -> None:
        assert await client.get("/events") == (503, "starting\n")
        await asyncio.sleep(0.6)
        source.failing = None
        async with client.session.get(f"{client.url}/events") as answer:
            assert (await events(answer, 1))[0][0] == "state"

    serve(Content(source.status), work)


def test_what_bird_says_is_shown() -> None:
    async def bird() -> Sessions:
        return Sessions((Session("router", True, "10:00", "Established"),), "")

    async def work(client: Client) -> None:
        async with client.session.get(f"{client.url}/events") as answer:
            [(_, whole)] = await events(answer, 1)
        assert whole["view"]["bgp"]["sessions"]["router"]["up"] is True

    serve(Content(Source().status, bird=bird), work)
