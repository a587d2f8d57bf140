"""What is found of the reals at nearly the same time: the last that was found is the last that is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any, cast

from pyroute2 import AsyncIPRoute
from support.documents import Spec, document
from vc5d.document import Neighbor, ServiceKey
from vc5d.faraway import Faraway
from vc5d.health.checks import Name, Plan
from vc5d.health.plans import Plans, compile_checks
from vc5d.plane import Dataplane, PlaneThread
from vc5d.reals import Reals, Told

KEY = ServiceKey("192.0.2.1", 80, "tcp")
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
OLD, NEW = "02:00:00:00:00:01", "02:00:00:00:00:02"


def made(plane: PlaneThread, dataplane: object) -> Reals:
    told = Told(lambda: None, lambda _: None, lambda *_: False)
    return Reals(cast(AsyncIPRoute, None), plane, cast(Dataplane, dataplane), frozenset, told)


class Slow:
    """A dataplane to which each link takes long."""

    def __init__(self) -> None:
        self.links: dict[str, str | None] = {}
        self.begun = threading.Event()

    def set_link(self, address: str, mac: str | None, vlan: int, ifindex: int) -> None:
        self.begun.set()
        time.sleep(0.002)
        self.links[address] = mac


def test_a_mac_that_changes_while_all_are_told_is_not_overruled_by_what_was_known_before() -> None:
    async def main() -> None:
        plane, dataplane = PlaneThread(), Slow()
        reals = made(plane, dataplane)
        reals._faraway = Faraway(cast(AsyncIPRoute, None), plane, cast(Dataplane, dataplane))
        everyone = [*(f"10.1.0.{n}" for n in range(50)), A]
        every = asyncio.create_task(reals._set_links([(real, OLD, 0) for real in everyone]))
        await asyncio.to_thread(dataplane.begun.wait)
        await reals._set_links([(A, NEW, 0)])
        await every
        assert dataplane.links == dict.fromkeys(everyone, OLD) | {A: NEW}
        plane.close()

    asyncio.run(main())


class Held(Plans):
    """They take long to be joined, the first time."""

    def __init__(self, plans: Plans) -> None:
        super().__init__(plans.by_service)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def beside(self, others: Mapping[Name, Plan]) -> Plans:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(10)
        return super().beside(others)


class Followed:
    """As watch.Watch: the last that it was told to check."""

    names: frozenset[Name] = frozenset()

    async def follow(self, wanted: Mapping[Name, Plan]) -> list[Name]:
        self.names = frozenset(wanted)
        return []


def test_a_real_that_comes_while_others_are_let_go_is_checked() -> None:
    async def main() -> None:
        plane, watch = PlaneThread(), Followed()
        reals = made(plane, None)
        reals._watch = cast(Any, watch)
        held = reals._plans = Held(compile_checks(document(Spec({str(KEY): {A: 1}}))))
        reals._leaving.inherit({(KEY, B): Neighbor(None, None)}, reals._plans)
        earlier = asyncio.create_task(reals._follow_checks())
        await asyncio.to_thread(held.begun.wait)
        reals._leaving.inherit({(KEY, C): Neighbor(None, None)}, reals._plans)
        later = asyncio.create_task(reals._follow_checks())
        await asyncio.sleep(0.1)
        held.go_on.set()
        await asyncio.gather(earlier, later)
        assert watch.names == {(KEY, A), (KEY, B), (KEY, C)}

    asyncio.run(main())
