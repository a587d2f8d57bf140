"""What it costs to look, with 1,000 services of 100 reals: a scrape, the status; for how long at a stretch
the event loop waits meanwhile, and the dataplane's thread is taken.

    .venv/bin/python -m tests.bench.web [--services 1000] [--reals 100]

The dataplane's maps are in memory: what the kernel takes to read counters comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from vc5d.activity import Activity
from vc5d.dataplane import Dataplane
from vc5d.document import Document
from vc5d.generation.capacity import choose_capacity
from vc5d.health.state import Condition
from vc5d.health.watch import Checked, Seen
from vc5d.operator.drains import Drains
from vc5d.operator.status import DaemonSide, status
from vc5d.plane import PlaneThread
from vc5d.web.server import Content
from vc5d.xdp.maps import Maps

from . import report

sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))
from support import documents
from support.web import Client, serve


class Reals:
    """All of them are well."""

    def condition(self, *_: Any) -> Condition:
        return Condition(True, "HTTP 200")

    def seen(self, *_: Any) -> Seen:
        return Seen(time.time(), Checked(time.time(), 0.002, True))


class Balancer:
    """A status as the daemon makes it. `taken`: the longest that the dataplane's thread was, in seconds."""

    def __init__(self, document: Document) -> None:
        self.document, self.taken = document, 0.0
        self._plane = PlaneThread()
        self._dataplane = Dataplane(Maps.in_memory(choose_capacity(document)))
        self._dataplane.apply(document)

    def _capture(self) -> Any:
        begin = time.perf_counter()
        captured = self._dataplane.capture()
        self.taken = max(self.taken, time.perf_counter() - begin)
        return captured

    async def status(self) -> dict[str, Any]:
        captured = await self._plane.do(self._capture)
        mine = DaemonSide(time.time(), Path("x"), {"eth0": "native"}, frozenset(), {}, Drains(), None)
        return await asyncio.to_thread(status, self.document, captured, Reals(), mine)


def big_document(services: int, reals: int) -> Document:
    """Every service with reals of its own."""
    return documents.document(
        documents.Spec(
            {
                f"192.0.{number >> 8}.{number & 255}:80:tcp": {
                    f"10.{number >> 8}.{number & 255}.{at + 1}": 1 for at in range(reals)
                }
                for number in range(services)
            },
            size=251,
        )
    )


async def stalls(worst: list[float]) -> None:
    """How late the event loop wakes a task, at most."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(0.001)
        worst[0] = max(worst[0], time.perf_counter() - begin - 0.001)


async def measured(balancer: Balancer, work: Callable[[], Awaitable[bytes]]) -> dict[str, float]:
    worst = [0.0]
    watching = asyncio.create_task(stalls(worst))
    await asyncio.sleep(0.1)
    worst[0] = balancer.taken = 0.0
    begin = time.perf_counter()
    answer = await work()
    seconds = time.perf_counter() - begin
    watching.cancel()
    return {
        "seconds": round(seconds, 2),
        "megabytes": round(len(answer) / 1e6, 1),
        "series": sum(not line.startswith(b"#") for line in answer.splitlines()),
        "loop_waits_ms": round(1000 * worst[0], 1),
        "dataplane_taken_ms": round(1000 * balancer.taken, 1),
    }


def run(balancer: Balancer, path: str, *, reals: bool) -> dict[str, float]:
    found: dict[str, float] = {}

    async def work(client: Client) -> None:
        async def get() -> bytes:
            async with client.session.get(client.url + path) as answer:
                return await answer.read()

        await asyncio.sleep(2)  # the console's own first look is over
        found.update(await measured(balancer, get))

    serve(Content(balancer.status, Activity(), real_metrics=reals), work)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.web", description=__doc__)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--reals", type=int, default=100)
    options = parser.parse_args()
    balancer = Balancer(big_document(options.services, options.reals))
    found = {
        "scrape": run(balancer, "/metrics", reals=True),
        "scrape_without_reals": run(balancer, "/metrics", reals=False),
        "status": run(balancer, "/status.json", reals=False),
    }
    print(f"{options.services} services of {options.reals} reals; {report.cpu_model()}")
    for name, values in found.items():
        print(f"  {name:22}" + "  ".join(f"{key} {value:g}" for key, value in values.items()))
    report.update(web=found)


if __name__ == "__main__":
    main()
