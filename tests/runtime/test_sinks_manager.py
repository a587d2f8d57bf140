"""The sinks as a whole: what a document asks for, changed by a reload, with secrets in files, and one that
is dead beside one that lives."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.receiver import Answer, Receiver, bulk, hangs, says
from vc5d import log
from vc5d.sinks import delivery, pump, syslog
from vc5d.sinks.config import read
from vc5d.sinks.manager import Sinks


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SOONEST", 0.05)
    monkeypatch.setattr(pump, "_GATHERED", 0.05)


@pytest.fixture(autouse=True)
def events() -> Iterator[list[str]]:
    log.setup("info", "text")
    found: list[str] = []
    end = log.subscribe(lambda event, level, values, when: found.append(f"{event} {dict(values)}"))
    yield found
    end()
    assert "topsecret" not in str(found)


def play(work: Callable[[Sinks, Receiver], Awaitable[None]], *answers: Answer) -> Receiver:
    async def main() -> Receiver:
        async with Receiver(list(answers) or [says(200)]) as receiver:
            sinks = Sinks()
            try:
                await work(sinks, receiver)
            finally:
                await sinks.stop()
        return receiver

    return asyncio.run(main())


def texts(receiver: Receiver) -> list[str]:
    return [line for each in receiver.received for line in each.json["text"].splitlines()[1:]]


def test_events_reach_each_sink_by_its_level() -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        hooks = {
            "all": {"level": 6, "url": receiver.url + "/all"},
            "grave": {"level": 3, "url": receiver.url + "/grave"},
        }
        await sinks.follow(read({"webhooks": hooks}))
        log.info("real.down", service="v:80:tcp", real="10.0.0.1", reason="HTTP 503")
        log.error("vip.down", vip="v", priority="critical", why="0 of 1")
        log.debug("dataplane.applied", digest="x", report="")
        await receiver.until(2)
        async with asyncio.timeout(8):
            while sum(each["sent"] for each in sinks.status().values()) < 3:
                await asyncio.sleep(0.01)
        assert sinks.status() == {
            "all": {"queued": 0, "sent": 2, "dropped": 0, "last_error": None},
            "grave": {"queued": 0, "sent": 1, "dropped": 0, "last_error": None},
        }

    received = {each.path: each.json["text"].count("\n") for each in play(work).received}
    assert received == {"/all": 2, "/grave": 1}


def test_a_dead_sink_and_one_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_TIMEOUT", 0.2)

    async def hangs_for_slack(received: Any) -> Any:
        return await (hangs if received.path == "/slack" else bulk())(received)

    async def work(sinks: Sinks, receiver: Receiver) -> None:
        raw = {"alert": 4, "slack": receiver.url + "/slack", "elasticsearch": {"index": "vc5"}}
        raw["elasticsearch"]["addresses"] = [receiver.url]  # type: ignore[index]
        await sinks.follow(read(raw))
        for number in range(100):
            log.error("vip.down", vip=str(number), priority="critical", why="")
        async with asyncio.timeout(8):
            while sinks.status()["elasticsearch"]["sent"] < 100 or not sinks.status()["slack"]["last_error"]:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(8):  # and Elasticsearch hears of Slack's trouble, but Slack does not
            while not any(b"sink.failed" in each.body for each in receiver.received if each.path == "/_bulk"):
                await asyncio.sleep(0.01)
        assert sinks.status()["slack"]["queued"] == 100

    begin = asyncio.new_event_loop().time()
    received = play(work, hangs_for_slack).received
    assert asyncio.new_event_loop().time() - begin < 12
    assert not any(b"sink.failed" in each.body for each in received if each.path == "/slack")


def test_a_reload_changes_levels_urls_and_secrets(tmp_path: Path) -> None:
    secret = tmp_path / "slack"

    async def work(sinks: Sinks, receiver: Receiver) -> None:
        secret.write_text(receiver.url + "/topsecret1\n")
        logging = read({"alert": 4, "slack": {"file": str(secret)}})
        await sinks.follow(logging)
        log.error("vip.down", vip="1", priority="critical", why="")
        await receiver.until(1)
        await asyncio.sleep(0.1)
        await sinks.follow(logging)  # nothing changed
        assert sinks.status()["slack"]["sent"] == 1
        secret.write_text(receiver.url + "/topsecret2\n")
        log.error("vip.down", vip="2", priority="critical", why="")
        await sinks.follow(logging)
        await receiver.until(2)
        await asyncio.sleep(0.1)
        assert sinks.status()["slack"]["sent"] == 2, "the count goes on"
        await sinks.follow(read(None))
        log.error("vip.down", vip="3", priority="critical", why="")
        assert sinks.status() == {}

    received = play(work).received
    assert [each.path for each in received] == ["/topsecret1", "/topsecret2"], (
        "what waited went to the new one"
    )
    assert "VIP 2 is DOWN" in received[1].json["text"]


def test_what_was_under_way_to_a_dead_url_goes_to_the_new_one() -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        await sinks.follow(read({"alert": 4, "slack": "http://127.0.0.1:1/topsecret"}))
        log.error("vip.down", vip="1", priority="critical", why="")
        async with asyncio.timeout(8):
            while not sinks.status()["slack"]["last_error"]:
                await asyncio.sleep(0.01)
        await sinks.follow(read({"alert": 4, "slack": receiver.url + "/topsecret"}))
        await receiver.until(1)

    assert texts(play(work)) == ["🔴 VIP 1 is DOWN"]


def test_a_secret_that_is_missing_turns_one_sink_off(events: list[str], tmp_path: Path) -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        raw = {"alert": 4, "slack": {"file": str(tmp_path / "none")}, "teams": receiver.url + "/t"}
        await sinks.follow(read(raw))
        assert "cannot be read" in sinks.status()["slack"]["last_error"]
        assert any("put it there" in event for event in events), events
        (tmp_path / "none").write_text("no url: topsecret")
        await sinks.follow(read(raw))
        assert "not a URL" in sinks.status()["slack"]["last_error"]
        log.error("vip.down", vip="1", priority="critical", why="")
        await receiver.until(1)

    play(work)
    assert [each.split()[0] for each in events].count("sink.off") == 2


def test_what_means_nothing_is_said(events: list[str]) -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        await sinks.follow(read({"alert": 0, "slack": receiver.url, "colour": "red"}))

    play(work)
    assert events == [
        "logging.unknown {'key': 'logging.colour'}",
        "sink.silent {'sink': 'slack', 'hint': 'its level is 0: an error is 3, a warning 4, info 6'}",
    ]


def test_events_of_other_threads() -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        await sinks.follow(read({"alert": 4, "slack": receiver.url + "/x"}))
        threads = [
            threading.Thread(target=lambda: log.error("vip.down", vip="1", priority="critical", why=""))
            for _ in range(20)
        ]
        for each in threads:
            each.start()
        await receiver.until(1)
        await asyncio.sleep(0.1)
        assert sinks.status()["slack"]["sent"] == 20

    assert texts(play(work)) == ["🔴 VIP 1 is DOWN (vip.down 20 times)"]


def test_probes_are_told_to_whoever_takes_everything() -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        elastic = {"index": "vc5", "addresses": [receiver.url]}
        await sinks.follow(
            read({"probes": True, "alert": 7, "slack": receiver.url, "elasticsearch": elastic})
        )
        assert sinks.probes
        log.probe(
            service="192.0.2.1:80:tcp", real="10.0.0.1", check="http:80", ok=False, reason="x", seconds=0.25
        )
        await receiver.until(1)
        await asyncio.sleep(1.2)
        await sinks.follow(read({"probes": False, "elasticsearch": elastic}))
        assert not sinks.probes

    (received,) = play(work, bulk()).received
    document = received.lines[1]
    assert document["event.action"] == "probe"
    assert document["event.outcome"] == "failure"
    assert document["event.duration"] == 250_000_000
    assert document["vc5.check"] == "http:80"


def test_syslog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "SOCKET", str(tmp_path / "log"))
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.settimeout(5)

    async def work(sinks: Sinks, receiver: Receiver) -> None:
        await sinks.follow(read({"syslog": True}))
        log.error("vip.down", vip="1", priority="critical", why="a\nb")
        await asyncio.sleep(0.2)
        assert "No such file" in sinks.status()["syslog"]["last_error"]
        server.bind(str(tmp_path / "log"))  # syslogd is back
        for number in range(500):
            log.info("announce", vip=str(number))
        lines = [await asyncio.to_thread(server.recv, 4096) for _ in range(501)]  # but what is about itself
        assert lines[0].startswith(b"<27>")
        assert lines[0].endswith(
            f'vc5d[{os.getpid()}]: vip.down vip=1 priority=critical why="a\\nb"'.encode()
        )
        announced = [line.rpartition(b"=")[2] for line in lines if b" announce " in line]
        assert announced == [str(number).encode() for number in range(500)], "all, in order"

    play(work)
    server.close()


def test_status_is_json_and_has_no_secrets(tmp_path: Path) -> None:
    async def work(sinks: Sinks, receiver: Receiver) -> None:
        hooks = {"http://127.0.0.1:1/topsecret": {"level": "4"}}
        elastic = {"index": "vc5", "addresses": ["http://127.0.0.1:1"], "api_key": "topsecret"}
        await sinks.follow(read({"webhooks": hooks, "elasticsearch": elastic}))
        log.error("vip.down", vip="1", priority="critical", why="")
        async with asyncio.timeout(8):
            while not all(each["last_error"] for each in sinks.status().values()):
                await asyncio.sleep(0.01)
        assert set(sinks.status()) == {"webhook-1", "elasticsearch"}
        assert "topsecret" not in json.dumps(sinks.status())

    play(work)
