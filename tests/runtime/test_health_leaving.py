"""Reals that left the document, and reals that linger: in the daemon, with real checks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from support.documents import Spec, document, file_content, raw_document, sealed
from test_daemon import ALIVE, DOWN, DRAINING, UP, Scene, play
from vc5d import reals
from vc5d.document import Document, Neighbor, ServiceKey
from vc5d.health.leaving import Leaving, gone
from vc5d.health.plans import compile_checks
from wire import REAL1, REAL2, VIP, VLANS, Wire

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
WEB, MAIL = ServiceKey("192.0.2.1", 80, "tcp"), ServiceKey("192.0.2.1", 25, "tcp")


def of(services: dict[str, dict[str, int]], vlans: dict[str, int]) -> Any:
    return document(Spec(services, vlans=vlans))


def replaced(leaving: Leaving, before: Document, after: Document) -> None:
    leaving.replaced(before, after, gone(before, compile_checks(before), after))


def test_what_is_remembered_of_those_that_leave() -> None:
    before = of({str(WEB): {A: 1, B: 1}, str(MAIL): {C: 1}}, {A: 10, B: 20, C: 30})
    after = of({str(WEB): {A: 1}}, {A: 10})
    leaving = Leaving()
    replaced(leaving, before, after)
    assert leaving.plans == {(WEB, B): compile_checks(before)[WEB, B]}, "a service that is gone has no flows"
    placed = leaving.with_their_places(after)
    assert placed.neighbors == {**after.neighbors, B: Neighbor(20, None)}
    assert placed.vlans[20] == before.vlans[20]
    assert 30 not in placed.vlans
    again = of({str(WEB): {A: 1, C: 1}}, {A: 10, C: 30})
    replaced(leaving, after, again)
    assert set(leaving.plans) == {(WEB, B)}, "over several reloads"
    assert leaving.with_their_places(again).neighbors[B] == Neighbor(20, None)
    assert not leaving.let_go({(WEB, A)})
    assert set(leaving.plans) == {(WEB, B)}, "of which the kernel was not asked: it may have left since"
    assert leaving.let_go({(WEB, B)})
    assert leaving.with_their_places(again) is again


def test_one_that_comes_back_is_no_longer_leaving() -> None:
    both, one = of({str(WEB): {A: 1, B: 1}}, {}), of({str(WEB): {A: 1}}, {})
    leaving = Leaving()
    replaced(leaving, both, one)
    assert set(leaving.plans) == {(WEB, B)}
    replaced(leaving, one, both)
    assert leaving.plans == {}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    for made in wires.made():
        made.serve(made.real1, 80)
        yield made


@pytest.mark.lab
def test_a_real_that_left_is_checked_until_its_flows_are_gone(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reals, "_LET_GO_LOOKED_FOR", 0.1)
    server = wire.serve(wire.real2, 80)

    async def work(scene: Scene) -> None:
        plane = scene.dataplane
        await scene.states(UP, UP)
        there = {REAL2}  # still has flows
        monkeypatch.setattr(plane, "remaining", lambda names: {each for each in names if each[1] in there})
        raw = raw_document(Spec({f"{VIP}:80:tcp": {REAL1: 1}}, vlans={REAL1: 10}))
        raw["vlans"] = {"10": VLANS[10]}
        service = raw["services"][f"{VIP}:80:tcp"]
        service["health"] = {"interval": 0.1, "timeout": 0.1, "threshold": 2, "window": 3}
        service["reals"][f"{REAL1}:80"]["checks"] = [ALIVE]
        scene.document.write_bytes(file_content(sealed(raw)))
        await scene.ask("reload")
        await scene.states(UP, DRAINING)
        server.kill()
        await scene.states(UP, DOWN)
        there.clear()
        await scene.until(lambda: not scene.daemon._reals._leaving.plans)
        watch = scene.daemon._reals._watch
        assert watch.condition(ServiceKey(VIP, 80, "tcp"), REAL2).reason == "not checked yet"
        await scene.until(lambda: isinstance(scene.daemon._reals._paths.target(REAL2, VIP), str))

    play(tmp_path, work)


@pytest.mark.lab
def test_a_real_that_fails_lingers_and_then_is_down(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        server = wire.serve(wire.real2, 80)
        scene.write(linger=1.0)
        await scene.ask("reload")
        await scene.states(UP, UP)
        server.kill()
        server.wait()
        loop = asyncio.get_running_loop()
        await scene.states(UP, DRAINING)
        began = loop.time()
        await scene.states(UP, DOWN)
        assert 0.8 < loop.time() - began < 1.5
        server = wire.serve(wire.real2, 80)
        await scene.states(UP, UP)
        server.kill()
        server.wait()
        await scene.states(UP, DRAINING)
        server = wire.serve(wire.real2, 80)
        await scene.states(UP, UP)
        await asyncio.sleep(1.1)
        assert scene.dataplane.states == {REAL1: UP, REAL2: UP}, "recovered in time: it never goes down"
        server.kill()

    play(tmp_path, work)
