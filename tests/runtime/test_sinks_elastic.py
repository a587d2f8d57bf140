"""Elasticsearch by its own client, against a fake of the server's bulk API (support/receiver.py says why):
the wire format is the client's own, and each line is held against what its own serializer makes of the
event."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_transport import NdjsonSerializer
from support.receiver import Answer, Receiver, bulk, elastic_says, hangs, resets, says
from test_sinks_webhook import certificate
from vc5d import log
from vc5d.errors import Vc5Error
from vc5d.sinks import delivery, elastic, pump
from vc5d.sinks.config import Elastic
from vc5d.sinks.delivery import Counts
from vc5d.sinks.elastic import ElasticSink
from vc5d.sinks.pump import Pump
from vc5d.sinks.secret import Hidden
from vc5d.sinks.told import Told

__all__ = ["certificate"]


def told(number: int = 1, **values: str) -> Told:
    return Told.of(
        "vip.down", "error", values or {"vip": "192.168.101.1", "why": "x"}, 1000.0 + number, number
    )


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SOONEST", 0.05)
    monkeypatch.setattr(pump, "_GATHERED", 0.1)


@pytest.fixture
def events() -> Iterator[list[str]]:
    found: list[str] = []
    log.setup("info", "text")
    end = log.subscribe(lambda event, level, values, when: found.append(f"{event} {dict(values)}"))
    yield found
    end()
    assert "topsecret" not in str(found)


def play(
    answers: list[Answer],
    work: Callable[[Receiver, Pump], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    password: str = "",
    api_key: str = "",
    **options: Any,
) -> Receiver:
    async def main() -> Receiver:
        async with Receiver(answers, tls=tls) as receiver:
            config = Elastic("vc5", (receiver.url,), **options)
            sink = await asyncio.to_thread(ElasticSink, config, password, api_key)
            running = Pump("elasticsearch", sink.send, Hidden([each for each in (password, api_key) if each]))
            await work(receiver, running)
            await running.stop(0.5)
            await sink.close()
        return receiver

    return asyncio.run(main())


async def sent(running: Pump, count: int) -> None:
    async with asyncio.timeout(8):
        while running.counts.sent < count:
            await asyncio.sleep(0.01)


def test_a_bulk_request() -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        running.offer(told(1, service="192.168.101.1:80:tcp", why='a\n"b" é'))
        running.offer(told(2))
        await sent(running, 2)
        assert running.counts == Counts(sent=2)
        assert running.queued == 0

    (received,) = play([bulk()], work, api_key="topsecret").received
    assert received.path == "/_bulk"
    assert received.headers["Authorization"] == "ApiKey topsecret"
    assert received.headers["Content-Type"].startswith("application/vnd.elasticsearch+x-ndjson")
    create, document, create2, document2 = received.lines
    assert create["create"]["_index"] == "vc5"
    assert create["create"]["_id"] != create2["create"]["_id"]
    assert document["event.action"] == "vip.down"
    assert document["event.reason"] == 'a\n"b" é'
    assert document["destination.port"] == 80
    assert (document["event.sequence"], document2["event.sequence"]) == (1, 2)
    assert document2["@timestamp"] == "1970-01-01T00:16:42.000Z"
    lines = list(
        elastic.operations("vc5", [told(1, service="192.168.101.1:80:tcp", why='a\n"b" é'), told(2)])
    )
    assert received.body == NdjsonSerializer().dumps(lines), "as the client's own serializer has it"


def test_user_and_password() -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        running.offer(told())
        await sent(running, 1)

    (received,) = play([bulk()], work, username="me", password="topsecret").received
    assert received.headers["Authorization"] == "Basic " + base64.b64encode(b"me:topsecret").decode()


@pytest.mark.parametrize(
    "trouble",
    [
        elastic_says(503, {"error": {"type": "unavailable", "reason": "topsecret"}}),
        elastic_says(429, {"error": "slow"}),
        elastic_says(401, {"error": {"type": "security_exception", "reason": "who?"}}),
        elastic_says(200, {"errors": False, "items": []}),
        elastic_says(200, ["odd"]),
        says(200, "<html>a proxy</html>"),
        resets,
    ],
)
def test_it_is_tried_again_in_order(trouble: Answer, events: list[str]) -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(1, 6):
            running.offer(told(number))
        await receiver.until(2)
        async with asyncio.timeout(5):  # a request that was reset is there before its sender knows
            while not running.counts.last_error:
                await asyncio.sleep(0.01)
        assert "topsecret" not in running.counts.last_error
        for number in range(6, 11):
            running.offer(told(number))
        await sent(running, 10)
        assert running.counts.last_error is None

    received = play([trouble, trouble, bulk()], work, api_key="topsecret").received
    assert received[0].body == received[1].body == received[2].body, "the same, with the same identities"
    numbers = [line["event.sequence"] for each in received[2:] for line in each.lines[1::2]]
    assert numbers == list(range(1, 11))
    assert [each.split()[0] for each in events] == ["sink.failed", "sink.works"]


def test_what_became_of_each(events: list[str]) -> None:
    """201 made, 409 there already, 400 refused for good, 429 again."""

    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(1, 5):
            running.offer(told(number))
        await sent(running, 3)
        assert running.counts.dropped == 1

    first, second = play([bulk(201, 409, 400, 429), bulk()], work).received
    assert [line["event.sequence"] for line in first.lines[1::2]] == [1, 2, 3, 4]
    assert [line["event.sequence"] for line in second.lines[1::2]] == [4]
    assert "sink.rejected" in events[0]
    assert "said 400" in events[0]


def test_too_much_at_once() -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(100):
            running.offer(told(number))
        await sent(running, 100)

    async def at_most_30(received: Any) -> Any:
        if len(received.lines) > 60:
            return await elastic_says(413, {})(received)
        return await bulk()(received)

    received = play([at_most_30], work).received
    taken = [each for each in received if len(each.lines) <= 60]
    assert [line["event.sequence"] for each in taken for line in each.lines[1::2]] == list(range(100))


def test_one_that_is_too_large_alone_is_dropped() -> None:
    async def big_is_too_large(received: Any) -> Any:
        if b"big" in received.body:
            return await elastic_says(413, {})(received)
        return await bulk()(received)

    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(10):
            running.offer(told(number, why="big" if number == 5 else "small"))
        await sent(running, 9)
        assert running.counts.dropped == 1

    play([big_is_too_large], work)


def test_a_dead_server_costs_the_loop_nothing_and_memory_stays_bounded(
    events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 events a second for three seconds into a server that never answers. How late the loop is, is
    held against the same loop without a sink, in the same run."""

    async def lateness(offer: Callable[[Told], None]) -> float:
        loop, late, number = asyncio.get_running_loop(), [], 0
        begin = loop.time()
        while (now := loop.time()) < begin + 3:
            while number < (now - begin) * 10_000:
                number += 1
                offer(
                    Told.of(
                        "real.down",
                        "info",
                        {"service": "v:80:tcp", "real": "r", "reason": "x" * 50},
                        1.0,
                        number,
                    )
                )
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            late.append(loop.time() - due)
        assert number > 29_000
        return sorted(late)[int(len(late) * 0.99)]

    async def work(receiver: Receiver, running: Pump) -> None:
        without = await lateness(lambda event: None)
        with_ = await lateness(running.offer)
        assert with_ < without + 0.02, f"{with_ * 1000:.1f} ms against {without * 1000:.1f} ms"
        assert running.queued == pump.MOST_EVENTS
        assert running._bytes <= pump.MOST_BYTES
        assert running.counts.dropped > 19_000
        assert sum("sink.full" in each for each in events) == 1, "said once"
        begin = asyncio.get_running_loop().time()
        await running.stop(0.5)
        assert asyncio.get_running_loop().time() - begin < 1.5

    play([hangs], work)


def test_big_events_are_bounded_by_their_bytes() -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(10_000):
            running.offer(told(number, why="x" * 100_000, error="y" * 100_000))
        assert running._bytes <= pump.MOST_BYTES
        assert 1000 < running.queued < pump.MOST_EVENTS

    play([hangs], work)


def test_what_waits_is_sent_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "_GATHERED", 60)

    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(600):
            running.offer(told(number))
        await running.stop(3)
        assert running.counts.sent == 600

    received = play([bulk()], work).received
    assert [line["event.sequence"] for each in received for line in each.lines[1::2]] == list(range(600))


@pytest.mark.parametrize(
    ("options", "trusted"), [({}, False), ({"ca": "own"}, True), ({"verify": False}, True)]
)
def test_certificates(options: dict[str, Any], trusted: bool, certificate: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async def work(receiver: Receiver, running: Pump) -> None:
        running.offer(told())
        async with asyncio.timeout(8):
            while not running.counts.sent and not running.counts.last_error:
                await asyncio.sleep(0.01)
        assert bool(running.counts.sent) == trusted
        assert trusted or "certificate" in str(running.counts.last_error).lower()

    if "ca" in options:
        options = {"ca": f"{certificate}.crt"}
    received = play([bulk()], work, tls=tls, api_key="topsecret", **options).received
    assert bool(received) == trusted, "no key goes to a server that is not known"


def test_no_certificates_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing")
    for path in (tmp_path / "ca", tmp_path / "none"):
        with pytest.raises(Vc5Error, match=r"logging\.elasticsearch\.ca: "):
            ElasticSink(Elastic("vc5", ("https://127.0.0.1:1",), ca=str(path)), "", "")


def test_a_sink_that_takes_over_goes_on_where_the_other_ended() -> None:
    async def work(receiver: Receiver, running: Pump) -> None:
        for number in range(5):
            running.offer(told(number))
        await receiver.until(1)  # under way, and unanswered
        sink = await asyncio.to_thread(ElasticSink, Elastic("new", (receiver.url,)), "", "")
        after = Pump("elasticsearch", sink.send, Hidden(()))
        after.succeed(running)
        after.offer(told(5))
        await sent(after, 6)
        await after.stop(1)
        await sink.close()

    received = play([hangs, bulk()], work).received
    documents = [json.loads(line) for line in received[1].body.splitlines()]
    assert [line["event.sequence"] for line in documents[1::2]] == list(range(6))
    assert documents[0]["create"]["_index"] == "new"


def test_what_is_sent_again_goes_before_what_was_not_sent_yet() -> None:
    events = [told(number) for number in range(1, 5)]
    answer = {"items": [{"create": {"status": 429}}, {"create": {"status": 201}}]}
    outcome = elastic.judge(events[:2], answer, events[2:])
    assert [event.number for event in outcome.again or []] == [1, 3, 4]
    assert outcome.wait
