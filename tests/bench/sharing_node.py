"""tests/sharing/node.py, and a command that makes new flows at a rate: UDP datagrams of ever new clients, by
the harness of tests/bench, through the real program."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vc5d import dataplane
from vc5d.generation.capacity import choose_capacity
from vc5d.xdp.sizes import Capacity

from tests.bench.harness import Harness, Load, pack_plan
from tests.bpf.packets import UDP, V4, ethernet, udp
from tests.sharing.node import Node

_STEP_S = 0.05  # a test run takes 20 ms of the kernel before it begins


@dataclass(frozen=True)
class NewFlows(Load):
    """UDP of 66 bytes, each of another client."""

    first: int = 0

    def plan(self, begin: int = 0, by_turns: bool = False) -> bytes:
        frame = ethernet(V4.ip(udp(1, 53, bytes(24)), UDP, dst=self.vip))
        assert len(frame) == 66
        return pack_plan(self.first, (1 << 24) - 1, 1, (True, False, False, False), frame)


class BenchNode(Node):
    _made = 0

    async def do_late(self, seconds: float) -> float:
        """The most that a timer of this event loop was late in so long: as health checks would be. ms."""
        loop, most = asyncio.get_running_loop(), 0.0
        end = loop.time() + seconds
        while (begin := loop.time()) < end:
            await asyncio.sleep(0.01)
            most = max(most, loop.time() - begin - 0.01)
        return round(1000 * most, 1)

    async def do_generate(self, per_s: int, seconds: float) -> int:
        """How many in fact."""
        self._dataplane.set_limits(inserts=0)
        program = self._dataplane._loaded().prog_fd
        with tempfile.TemporaryDirectory() as folder:
            harness, step = await asyncio.to_thread(Harness, Path(folder)), round(per_s * _STEP_S)
        begin, made = time.monotonic(), 0
        while time.monotonic() < begin + seconds:
            load = NewFlows(vip="192.168.101.1", first=self._made + made)
            await asyncio.to_thread(harness.run, program, load, step)
            made += step
            await asyncio.sleep(max(0.0, begin + made / per_s - time.monotonic()))
        self._made += made
        return made


def _roomy(*given: Any) -> Capacity:
    """Nothing that the bench makes is evicted."""
    return replace(choose_capacity(*given), flows=1 << 20)


if __name__ == "__main__":
    dataplane.choose_capacity = _roomy
    asyncio.run(BenchNode(Path(sys.argv[1]), Path(sys.argv[2])).run())
