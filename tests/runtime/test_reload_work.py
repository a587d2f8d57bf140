"""What a reload costs grows with what changed, not with the document. Counted, not timed: a busy machine does
not matter."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.generation import fill, plan
from vc5d.health.plans import compile_checks
from vc5d.health.state import Result
from vc5d.health.watch import Watch
from vc5d.loading.parts import cut, fingerprint, join, opened
from vc5d.reals import _anew
from vc5d.xdp.maps import Capacity, Maps

SERVICES, REALS = 40, 12
KEY = ServiceKey("192.0.2.7", 80, "tcp")
NEW = "10.0.7.99"
CAPACITY = Capacity(
    positions4=256,
    positions6=64,
    displacement_lines=32,
    slots_lines=2048,
    reals=2048,
    services=128,
    accepting_lines=512,
    flows=1024,
    sessions=1024,
)


def services() -> dict[str, dict[str, int]]:
    return {
        f"192.0.2.{n}:80:tcp": {f"10.0.{n}.{m}": 1 for m in range(1, REALS + 1)}
        for n in range(1, SERVICES + 1)
    }


@pytest.fixture(scope="module")
def documents() -> tuple[Document, Document]:
    """As they come into vc5d one after the other: the second has one real more."""
    known: dict[Any, Any] = {}
    shared: dict[Any, Any] = {}

    def loaded(wanted: dict[str, dict[str, int]]) -> Document:
        parts = {}
        for name, part in cut(document(Spec(wanted))):
            printed = name, fingerprint(part)
            if printed not in known:
                known[printed] = opened(name, pickle.loads(part), shared)
            parts[name] = known[printed]
        return join(parts)

    more = services()
    more[str(KEY)][NEW] = 1
    return loaded(services()), loaded(more)


class Counted:
    """Calls of what it stands in for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self.calls, original = 0, getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            self.calls += 1
            return original(*arguments)

        monkeypatch.setattr(owner, name, counting)


def test_plans_of_checks(documents: tuple[Document, Document]) -> None:
    before, after = documents
    known = compile_checks(before)
    plans = compile_checks(after, before, known)
    assert plans == compile_checks(after)
    others = [key for key, its in plans.by_service.items() if its is not known.by_service[key]]
    assert others == [KEY]
    made = [a for a, each in plans.by_service[KEY].items() if each is not known.by_service[KEY].get(a)]
    assert made == [NEW]


def test_states_that_the_kernel_is_told(documents: tuple[Document, Document]) -> None:
    before, after = documents
    assert len(list(_anew(None, before))) == SERVICES * REALS
    assert list(_anew(before, after)) == [(KEY, NEW)]
    assert list(_anew(after, before)) == []


def test_checks_that_are_followed(
    documents: tuple[Document, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = documents

    async def passes(_: object) -> Result:
        return Result(True, "it is there")

    async def ignored(*_: object) -> None:
        pass

    async def main() -> int:
        watch = Watch(passes, ignored)
        known = compile_checks(before)
        await watch.follow(known)
        looked = Counted(monkeypatch, watch, "_is_new")
        assert await watch.follow(compile_checks(after, before, known)) == []
        await watch.stop()
        return looked.calls

    assert asyncio.run(main()) == REALS + 1


def test_the_plan_of_the_maps(documents: tuple[Document, Document], monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = documents
    plane = Dataplane(Maps.in_memory(CAPACITY), clock=lambda: 10**9)
    plane.apply(before)
    placed = Counted(monkeypatch, plan, "_place")
    report = plane.apply(after)
    assert (placed.calls, report.tables_written, report.reals_added) == (1, 1, 1)


def test_a_link_that_is_known(documents: tuple[Document, Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reload tells all of them."""
    before, after = documents
    plane = Dataplane(Maps.in_memory(CAPACITY), clock=lambda: 10**9)
    plane.apply(before)
    written = Counted(monkeypatch, fill, "write_link")
    for mac, calls in (("02:00:00:00:00:01", 1), ("02:00:00:00:00:01", 1), ("02:00:00:00:00:02", 2)):
        plane.set_link("10.0.7.1", mac, 0)
        assert written.calls == calls
    plane.apply(after)
    real = plane.state.services[KEY].reals["10.0.7.1"]
    entry = plane.maps.reals[plane.state.services[KEY].block.base + real.index]
    assert entry["link"].tobytes()[:6].hex(":") == "02:00:00:00:00:02"
