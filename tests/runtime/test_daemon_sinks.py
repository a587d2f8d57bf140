"""The daemon and its sinks: a document's `logging`, a reload of it, a sink that hangs, and the end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire as wires
from support.documents import file_content, sealed
from support.receiver import Receiver, bulk, hangs, says
from test_daemon import ALIVE, UP, Scene, play
from vc5d import log
from vc5d.errors import Vc5Error
from wire import REAL1, REAL2, Wire, raw_document

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    for made in wires.made():
        made.serve(made.real1, 80)
        made.serve(made.real2, 80)
        yield made


def write(scene: Scene, logging: object) -> None:
    raw = raw_document(ALIVE)
    scene.document.write_bytes(file_content(sealed({**raw, "logging": logging})))


def test_logging_by_reload(wire: Wire, tmp_path: Path) -> None:
    log.setup("info")

    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        assert (await scene.ask("status"))["sinks"] == {}
        async with Receiver([bulk()]) as elastic, Receiver([hangs]) as slack:
            section = {"index": "vc5", "addresses": [elastic.url]}
            url = slack.url + "/topsecret"
            write(scene, {"alert": 6, "slack": url, "elasticsearch": section, "probes": True})
            await scene.ask("reload")
            status = await scene.ask("status")
            assert set(status["sinks"]) == {"slack", "elasticsearch"}
            await elastic.until(3)
            found = [line for each in elastic.received for line in each.lines[1::2]]
            probe = next(line for line in found if line["event.action"] == "probe")
            assert probe["event.outcome"] == "success"
            assert probe["server.ip"] in (REAL1, REAL2)
            write(scene, {"alert": "loud"})
            with pytest.raises(Vc5Error, match=r"logging\.alert: not 0 "):
                await scene.ask("reload")
            assert set((await scene.ask("status"))["sinks"]) == {"slack", "elasticsearch"}, "as before"
            await slack.until(1)
            assert "topsecret" not in json.dumps(await scene.ask("status"))
            write(scene, {"alert": 6, "slack": "http://127.0.0.1:1/topsecret"})
            await scene.ask("reload")
            assert set((await scene.ask("status"))["sinks"]) == {"slack"}

    play(tmp_path, work)


def test_the_end_is_told_and_a_dead_sink_does_not_keep_it(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        write(scene, {"alert": 6, "slack": receivers[0].url, "teams": receivers[1].url})
        await scene.ask("reload")

    receivers = [Receiver([says(200)]), Receiver([hangs])]

    # Signals reach only the main thread, so the receivers are in another.
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with receivers[0], receivers[1]:
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(5)
    try:
        play(tmp_path, work)  # which waits 5 s at most for its end
    finally:
        over.set()
        thread.join()
    text = receivers[0].received[-1].json["text"]
    assert "stopping" in text
