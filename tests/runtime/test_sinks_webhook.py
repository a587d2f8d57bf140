"""Slack and Teams over the wire, against fakes (support/receiver.py says why) that are slow, rude or
absent."""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import itertools
import os
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from support.receiver import Answer, Receiver, hangs, resets, says
from vc5d import log
from vc5d.sinks import delivery
from vc5d.sinks.told import Told
from vc5d.sinks.webhook import Message, WebhookSink, judge, slack, teams

PATH = "/services/T000/B000/topsecret"


def told(name: str = "vip.down", level: str = "error", **values: str) -> Told:
    return Told.of(name, level, values or {"vip": "192.168.101.1", "why": "0 of 1"}, 1000.0, 0)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SOONEST", 0.05)


@pytest.fixture
def events() -> Iterator[list[tuple[str, dict[str, object]]]]:
    found: list[tuple[str, dict[str, object]]] = []
    log.setup("info", "text")
    end = log.subscribe(lambda event, level, values, when: found.append((event, dict(values))))
    yield found
    end()
    assert "topsecret" not in str(found)


def play(
    answers: list[Answer], work: Callable[[Receiver, WebhookSink], Awaitable[None]], kind: str = "slack"
) -> Receiver:
    async def main() -> Receiver:
        async with Receiver(answers) as receiver:
            sink = WebhookSink("hook", kind, 4, receiver.url + PATH)
            await work(receiver, sink)
            await sink.stop(0.5)
        return receiver

    return asyncio.run(main())


def test_a_message_to_slack() -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        assert sink.queued == 1
        await receiver.until(1)
        await asyncio.sleep(0.05)
        assert sink.queued == 0
        assert sink.counts == delivery.Counts(sent=1)

    receiver = play([says(200)], work)
    (received,) = receiver.received
    assert received.path == PATH
    assert received.headers["Content-Type"] == "application/json"
    head, line = received.json["text"].splitlines()
    assert head.endswith(" UTC")
    assert line == "🔴 VIP 192.168.101.1 is DOWN: 0 of 1"


def test_a_card_to_teams() -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        await receiver.until(1)

    card = play([says(202, "")], work, "teams").received[0].json["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    runs = [block["inlines"][0]["text"] for block in card["content"]["body"]]
    assert runs[1] == "🔴 VIP 192.168.101.1 is DOWN: 0 of 1"


def test_nothing_from_outside_is_markup() -> None:
    line = "HTTP 500: <!channel> & <https://evil|click>"
    assert slack([line])["text"] == "HTTP 500: &lt;!channel&gt; &amp; &lt;https://evil|click&gt;"
    (block,) = teams([line])["attachments"][0]["content"]["body"]
    assert block == {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]}


def test_at_most_one_message_a_second_and_nothing_is_lost() -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        for number in range(300):
            sink.offer(told(vip=f"v{number}", why=""))
            await asyncio.sleep(0.01)
        while sink.queued:
            await asyncio.sleep(0.01)
        assert sink.counts.sent == 300

    received = play([says(200)], work).received
    assert 2 <= len(received) <= 6
    gaps = [after.when - before.when for before, after in itertools.pairwise(received)]
    assert min(gaps) >= 0.99
    assert any(line.startswith("… and ") for each in received for line in each.json["text"].splitlines())


@pytest.mark.parametrize(
    "trouble", [says(500, "oh"), says(429, "slow down"), resets, says(200, "HTTP error 429")]
)
def test_it_is_tried_again(trouble: Answer, events: list[tuple[str, dict[str, object]]]) -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        await receiver.until(2)
        assert sink.counts.last_error
        await receiver.until(3)
        await asyncio.sleep(0.05)
        assert sink.counts == delivery.Counts(sent=1)

    received = play([trouble, trouble, says(200)], work).received
    assert received[0].body == received[1].body == received[2].body
    assert [name for name, _ in events] == ["sink.failed", "sink.works"], "once each, not at each try"


def test_retry_after() -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        await receiver.until(2)

    first, second = play([says(429, "", Retry_After="1"), says(200)], work).received
    assert 1.0 <= second.when - first.when < 2.5


def test_retry_after_as_a_date_or_nonsense() -> None:
    message = Message(("x",), 1)
    soon = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30))
    after = judge(message, 503, "", {"Retry-After": soon}).after
    assert after is not None
    assert 25 < after <= 30
    for nonsense in ("", "soon", "-5", "²", "Mon, 99 Foo"):
        assert judge(message, 503, "", {"Retry-After": nonsense}).after is None


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_what_is_refused_for_good_is_dropped_and_said(
    status: int, events: list[tuple[str, dict[str, object]]]
) -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        await receiver.until(1)
        await asyncio.sleep(0.1)
        assert (sink.counts.sent, sink.counts.dropped, sink.queued) == (0, 1, 0)
        assert sink.counts.last_error == f"HTTP {status}: no hook ***"

    received = play(
        [says(status, "no hook topsecret", Location="http://127.0.0.1:1/topsecret")], work
    ).received
    assert len(received) == 1
    assert [name for name, _ in events] == ["sink.rejected"]


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_TIMEOUT", 0.3)

    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        for _ in range(1000):
            sink.offer(told())
        await receiver.until(2)
        assert sink.counts.last_error == "no answer in 0 s"
        for number in range(20_000):
            sink.offer(told(vip=str(number), why=""))
        assert sink.queued <= 11_000, "as many things to tell of as there is room for"
        assert sink.counts.dropped >= 10_000
        begin = asyncio.get_running_loop().time()
        await sink.stop(0.5)
        assert asyncio.get_running_loop().time() - begin < 1.5

    play([hangs], work)


def test_the_end_of_vc5d_does_not_wait_for_a_second() -> None:
    async def work(receiver: Receiver, sink: WebhookSink) -> None:
        sink.offer(told())
        begin = asyncio.get_running_loop().time()
        await sink.stop(3)
        assert asyncio.get_running_loop().time() - begin < 0.9
        assert len(receiver.received) == 1

    play([says(200)], work)


def test_nobody_there(events: list[tuple[str, dict[str, object]]]) -> None:
    async def main() -> None:
        sink = WebhookSink("hook", "slack", 4, "http://127.0.0.1:1" + PATH)
        sink.offer(told())
        async with asyncio.timeout(5):
            while not sink.counts.last_error:
                await asyncio.sleep(0.02)
        assert "127.0.0.1:1" in sink.counts.last_error
        await sink.stop(0.3)

    asyncio.run(main())
    assert [name for name, _ in events] == ["sink.failed", "sink.unsent"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but us trusts; key and certificate in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", str(path), "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


TRUSTS = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from test_sinks_webhook import told
from vc5d.sinks.webhook import WebhookSink
async def main():
    sink = WebhookSink("hook", "slack", 4, sys.argv[1])
    sink.offer(told())
    await sink.stop(2)
    print(sink.counts)
asyncio.run(main())
"""


def test_a_wrong_certificate_is_not_talked_to(
    certificate: Path, events: list[tuple[str, dict[str, object]]]
) -> None:
    """And the same one is, once the host trusts it: SSL_CERT_FILE is how OpenSSL is told."""

    async def main() -> str:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        async with Receiver([says(200)], tls=tls) as receiver:
            sink = WebhookSink("hook", "slack", 4, receiver.url + PATH)
            sink.offer(told())
            async with asyncio.timeout(5):
                while not sink.counts.last_error:
                    await asyncio.sleep(0.02)
            assert "certificate" in sink.counts.last_error.lower()
            await sink.stop(0.1)
            assert receiver.received == [], "the path, which is the secret, was not sent"
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                TRUSTS,
                receiver.url + PATH,
                str(Path(__file__).parent),
                stdout=subprocess.PIPE,
                env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            )
            out, _ = await process.communicate()
            assert len(receiver.received) == 1
            return out.decode()

    assert "sent=1" in asyncio.run(main())
