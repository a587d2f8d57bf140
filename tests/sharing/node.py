"""A load balancer's data plane and its sharing, without the rest of vc5d: a process that a test talks to.

    python -m tests.sharing.node PINS CONFIG.json     in a network namespace of its own

A command is a line of JSON, [name, …arguments], and so is its answer. Frames go by test runs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.document.structure import build
from vc5d.errors import Vc5Error
from vc5d.network.netlink import open_netlink
from vc5d.plane import PlaneThread
from vc5d.sharing.keys import Secrets
from vc5d.sharing.link import Files, Peer, Sharing, Told
from vc5d.xdp.layout import RealState
from vc5d.xdp.stores import FLOW_TABLES

from tests.sharing.frames import frame_of

OBJECT = Path(__file__).parents[2] / "build" / "vc5.bpf.o"


class Node:
    def __init__(self, pins: Path, folder: Path) -> None:
        self._pins, self._folder = pins, folder
        self._plane = PlaneThread()
        self._heard: list[tuple[str, str]] = []

    async def run(self) -> None:
        document = build(json.loads((self._folder / "config.json").read_text()))
        self._dataplane = await self._plane.do(Dataplane.open, self._pins, OBJECT, document)
        await self._plane.do(self._dataplane.apply, document)
        async with open_netlink() as netlink:
            secrets = Secrets(self._folder / "fleet", self._next())
            told = Told(self._on_heard, self._serve)
            files = Files(self._pins, OBJECT, secrets)
            self._sharing = Sharing(netlink, self._plane, self._dataplane, files, told)
            self._sharing.follow(document)
            running = asyncio.create_task(self._sharing.run_for_ever())
            running.add_done_callback(lambda task: task.cancelled() or sys.exit(repr(task.exception())))
            await self._answer_for_ever()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await self._plane.do(self._dataplane.uninstall)

    def _next(self) -> Path | None:
        path = self._folder / "fleet_next"
        return path if path.exists() else None

    async def _answer_for_ever(self) -> None:
        reader = asyncio.StreamReader(limit=1 << 26)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            name, *arguments = json.loads(line)
            try:
                answer = await getattr(self, f"do_{name}")(*arguments)
            except Vc5Error as failure:
                answer = {"error": failure.message}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    def _on_heard(self, peer: Peer, body: bytes) -> None:
        self._heard.append((peer.address, body.decode(errors="replace")))

    async def _serve(self, peer: Peer, request: bytes) -> bytes:
        return b"answer to " + request * 1000

    # Commands

    async def do_status(self) -> Any:
        return self._sharing.status()

    async def do_states(self, states: dict[str, str]) -> None:
        """Of reals, of every service."""
        for key, service in self._dataplane.state.services.items():
            for real in service.reals:
                if real in states:
                    self._dataplane.set_state(key, real, RealState[states[real]])

    async def do_tick(self) -> None:
        """A scan: consult bits that no flow needs go."""
        await self._plane.do(self._dataplane.tick, self._dataplane._clock() + 10**10)

    async def do_document(self) -> None:
        document = build(json.loads((self._folder / "config.json").read_text()))
        await self._plane.do(self._dataplane.apply, document)
        self._sharing.follow(document)

    async def do_packets(self, packets: list[list[Any]]) -> list[str]:
        """[client, port, VIP, port, protocol, flags] each: the MAC that it leaves with, "" if it does not."""
        left = []
        for packet in packets:
            verdict, out, _ = self._dataplane._loaded().test_run(frame_of(*packet))
            left.append(out[:6].hex(":") if verdict == 3 else "")
        return left

    async def do_flows(self) -> dict[str, int]:
        """Entries by table; `peer…`: those of them that others told of."""
        counts = {}
        for name in FLOW_TABLES:
            _, values = self._dataplane.maps.tables[name].read()
            counts[name], counts[f"peer_{name}"] = len(values), int(values["peer"].sum())
        return counts

    async def do_consult(self, key: str) -> list[str]:
        """Reals of a service whose consult bit is set."""
        address, port, protocol = key.rsplit(":", 2)
        service = self._dataplane.state.services[ServiceKey(address, int(port), protocol)]
        states = self._dataplane.maps.reals["state"]
        return sorted(a for a, real in service.reals.items() if states[service.block.base + real.index] & 4)

    async def do_store(self, udp: bool, count: int, real: str, first: int = 0) -> None:
        """Flows of the first service of the protocol, as if packets of them had come a moment ago."""
        services = self._dataplane.state.services.items()
        key, service = next(each for each in services if (each[0].protocol == "udp") == udp)
        table = self._dataplane.maps.tables[f"flows{key.family}_{'udp' if udp else 'tcp'}"]
        keys, values = table.read()
        keys, values = np.zeros(count, keys.dtype), np.zeros(count, values.dtype)
        raw = keys.view("u1").reshape(count, -1)
        width = len(key.packed)
        raw[:, width - 4 : width] = (
            (np.arange(first, first + count) + (10 << 24)).astype(">u4").view("u1").reshape(-1, 4)
        )
        raw[:, width : 2 * width] = np.frombuffer(key.packed, "u1")
        keys["sport_be"], keys["dport_be"] = 1024, key.port
        values["last_ns"], values["real_id"] = self._dataplane._clock(), service.reals[real].id
        values["real"] = service.reals[real].index
        table.write(keys, values)

    async def do_say(self, size: int) -> None:
        self._sharing.say(b"x" * size)

    async def do_heard(self) -> Any:
        heard, self._heard = self._heard, []
        return [(address, len(body)) for address, body in heard]

    async def do_fetch(self, address: str) -> Any:
        fetched = await self._sharing.fetch(Peer(bytes(8), address), b"request")
        return {"body": len(fetched.body), "flows": fetched.flows}


if __name__ == "__main__":
    asyncio.run(Node(Path(sys.argv[1]), Path(sys.argv[2])).run())
