"""What the data path is told each second, and after a document."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network

import pytest
from support.documents import Spec, document, raw_document, sealed
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.document.structure import build
from vc5d.fleet.relief import most_loaded
from vc5d.plane import PlaneThread
from vc5d.traffic import Traffic
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 4096)
HTTP, PLAIN = "192.168.101.1:80:tcp", "192.168.101.2:80:tcp"
KEY, OTHER = ServiceKey("192.168.101.1", 80, "tcp"), ServiceKey("192.168.101.2", 80, "tcp")
REALS = {"10.1.10.1": 1, "10.1.10.2": 2, "10.1.10.3": 1}
SPEC = Spec(
    {HTTP: REALS, PLAIN: REALS},
    scheduler={HTTP: "leastconn"},
    disabled={"10.1.10.3"},
    extra={"block": {"5": ["198.51.100.0/24"], "4": ["192.0.2.0/24"]}, "defcon": 4},
)


@pytest.fixture
def plane() -> Dataplane:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=lambda: 10**9)
    made.apply(document(SPEC))
    return made


def loads(plane: Dataplane, key: ServiceKey) -> dict[str, int]:
    service = plane.state.services[key]
    return {a: int(plane.maps.reals["load"][service.block.base + r.index]) for a, r in service.reals.items()}


def test_vips_that_are_up_answer(plane: Dataplane) -> None:
    async def story() -> None:
        traffic = Traffic(PlaneThread(), plane)
        await traffic.follow(document(SPEC))
        await traffic.every_second(
            {"192.168.101.1": True, "192.168.101.2": False, "192.168.101.9": True}, lambda _: ()
        )
        assert plane.snapshot().vips == {"192.168.101.1": True, "192.168.101.2": False}
        await traffic.every_second({"192.168.101.1": False, "192.168.101.2": True}, lambda _: ())
        assert plane.snapshot().vips == {"192.168.101.1": False, "192.168.101.2": True}
        only = document(Spec({HTTP: REALS}))
        plane.apply(only)
        await traffic.follow(only)
        plane.apply(document(SPEC))
        await traffic.follow(document(SPEC))
        await traffic.every_second({"192.168.101.1": False, "192.168.101.2": True}, lambda _: ())
        assert plane.snapshot().vips["192.168.101.2"], "one that left and came back is told again"

    asyncio.run(story())


def test_loads_are_sessions_for_weight(plane: Dataplane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of services that are balanced so, and of reals that take part."""
    found = {(key, address): 60 for key in (KEY, OTHER) for address in REALS}
    asked = []

    def sessions(keys: list[ServiceKey]) -> dict[tuple[ServiceKey, str], int]:
        asked.append(list(keys))
        return found

    async def story() -> None:
        traffic = Traffic(PlaneThread(), plane)
        await traffic.follow(document(SPEC))
        await traffic.every_second({}, lambda _: ())

    monkeypatch.setattr(plane, "sessions", sessions)
    asyncio.run(story())
    assert asked == [[KEY]]
    assert loads(plane, KEY) == {"10.1.10.1": 60_000, "10.1.10.2": 30_000, "10.1.10.3": 0}
    assert not any(loads(plane, OTHER).values())


def test_the_lists_in_force_are_blocked(plane: Dataplane) -> None:
    async def story() -> None:
        await Traffic(PlaneThread(), plane).follow(document(SPEC))

    asyncio.run(story())
    there, _ = plane.maps.tables["blocked4"].read()
    wanted = {int(IPv4Network(text).network_address) for text in ("198.51.100.0/24", "192.0.2.0/24")}
    assert set(there["addr_be"].tolist()) == wanted


@pytest.mark.parametrize(
    ("loads", "out", "need", "expected", "why"),
    [
        ((20, 20, 31), None, 1, "c", "more than 30 % above 23.7"),
        ((20, 20, 30), None, 1, None, "not quite"),
        ((20, 20, 28), "c", 1, "c", "one that is out stays until it is less than half as far above"),
        ((20, 20, 24), "c", 1, None, "and then it is back"),
        ((20, 20, 90), None, 3, None, "all three are needed"),
        ((90, 20), None, 1, None, "of two none can be spared"),
        ((1, 1, 9), None, 1, None, "an average of few says nothing"),
        ((60, 20, 20), "c", 1, "a", "another is the most loaded"),
    ],
)
def test_the_most_loaded_real(
    loads: tuple[float, ...], out: str | None, need: int, expected: str | None, why: str
) -> None:
    assert most_loaded(dict(zip("abc", loads, strict=False)), out, 30, need) == expected, why


def test_a_real_is_relieved_and_comes_back(plane: Dataplane) -> None:
    """Of what the whole fleet has, for its weight."""
    reals = {"10.1.10.1": 1, "10.1.10.2": 2, "10.1.10.3": 1}
    spec = Spec({HTTP: reals})
    raw = raw_document(spec)
    raw["services"][HTTP]["overload"] = 30
    elsewhere = {(KEY, "10.1.10.1"): 50, (KEY, "10.1.10.2"): 60, (KEY, "10.1.10.3"): 30}
    traffic = Traffic(PlaneThread(), plane, lambda mine: elsewhere)

    async def main() -> None:
        made = build(sealed(raw))
        plane.apply(made)
        await traffic.follow(made)
        assert await traffic.every_second({}, lambda _: reals) == [(KEY, "10.1.10.1")]
        assert traffic.is_relieved(KEY, "10.1.10.1")
        assert await traffic.every_second({}, lambda _: reals) == []
        elsewhere[KEY, "10.1.10.1"] = 31
        assert await traffic.every_second({}, lambda _: reals) == [(KEY, "10.1.10.1")]
        assert not traffic.is_relieved(KEY, "10.1.10.1")

    asyncio.run(main())
