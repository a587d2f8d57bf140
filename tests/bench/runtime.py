"""The daemon with 1,000 services of 100 reals: python -m tests.bench.runtime

Needs root; adds the key `runtime` to build/bench.json. vc5d whole, in the kernel, in a namespace of its own
with a veth pair; the reals are 1,000 addresses at its other end, where one server answers for every VIP, and
each real of each service is checked (`syn`) every 100 s. For every piece of work: how long it took, and for
how long at a stretch the event loop did nothing else: `loop_late_ms` by a task in it that sleeps 1 ms after
1 ms, `loop_busy_ms` without what other programs had of the processor meanwhile.

    reload_same       the file that is live already; of reloads also `live_s`: when packets met the new one
    reload_one        one service has lost a real
    reload_all        every service has lost a real, and with that has another table
    status, scrape    what vc5ctl and Prometheus ask for

and of single changes of health, from the event loop into the kernel: the median and the 99th percentile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vc5d import host, log
from vc5d.daemon import Daemon, Options
from vc5d.dataplane import Dataplane
from vc5d.health.state import Condition
from vc5d.loop import courtesy
from vc5d.uninstall import uninstall
from vc5d.web.listen import Listen

from . import report
from .health import _enter, _ip

BALANCER, REAL = (f"vc5-bench-{os.getpid()}-{name}" for name in ("lb", "real"))
PINS = Path(f"/sys/fs/bpf/vc5-bench-{os.getpid()}")
HOSTS = 1000
CHANGES = 2000

_SERVER = """
import socket
listening = socket.create_server(("0.0.0.0", 80), backlog=65535)
while True:
    listening.accept()[0].close()
"""


def address(number: int) -> str:
    return f"10.67.{1 + number // 250}.{1 + number % 250}"


def configuration(services: int, reals: int, without: int = 0) -> str:
    """`without`: so many services, the first ones, lack their last real."""
    text = ["services:"]
    for number in range(services):
        count = reals - (number < without)
        text += [f"  - name: s{number}", f"    virtual: 192.168.{number >> 8}.{number & 255}", "    servers:"]
        text += [f"      - {address((7 * number + each) % HOSTS)}" for each in range(count)]
        text += ["    interval: 100", "    timeout: 1", "    policy:", "      http:", "        checks:"]
        text += ["          - type: syn"]
    return "\n".join(text) + "\n"


def compiled(folder: Path, name: str, text: str) -> Path:
    source, out = folder / f"{name}.yaml", folder / f"{name}.json"
    source.write_text(text)
    subprocess.run([sys.executable, "-m", "vc5c.cli", str(source), "-o", str(out)], check=True)
    return out


class Heart:
    """`worst`: the longest that the event loop was taken, in seconds; `busy`: the same, without what other
    programs had of the processor meanwhile."""

    def __init__(self) -> None:
        self.worst = self.busy = 0.0

    async def beat(self) -> None:
        while True:
            begin, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            late = time.perf_counter() - begin - 0.001
            self.worst = max(self.worst, late)
            self.busy = max(self.busy, min(late, time.process_time() - used))


class Scene:
    """A daemon under way in this process, and what is asked of it from others."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket, self.document = folder, folder / "vc5d.sock", folder / "live.json"
        self.heart = Heart()
        self.daemon: Daemon
        self.live = 0.0  # when a document became so

    def options(self) -> Options:
        return Options(
            document=self.document,
            interfaces=("eth0",),
            pin_dir=PINS,
            socket=self.socket,
            object=host.default_object(),
            mode="native",
            table=205,
            tun="vc5",
            announce=True,
            web=Listen("127.0.0.1", 8005),
        )

    def open(self, *arguments: Any) -> Dataplane:
        return Dataplane.open(*arguments)

    def note_documents(self) -> None:
        """From now on `live` is when the last one became so."""
        plane = self.daemon._dataplane
        apply = plane.apply

        def noted(document: Any) -> Any:
            result = apply(document)
            self.live = time.perf_counter()
            return result

        plane.apply = noted  # type: ignore[method-assign]

    async def run(self, *command: str) -> bytes:
        """A program in another process; its output."""
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, command
        return output

    async def ctl(self, *words: str) -> None:
        command = f"{sys.executable} -m vc5d.ctl --socket {self.socket} {' '.join(words)} > /dev/null"
        await self.run("sh", "-c", command)

    async def measured(self, what: str, work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
        await asyncio.sleep(1)
        self.heart.worst = self.heart.busy = self.live = 0.0
        begin = time.perf_counter()
        await work()
        seconds = time.perf_counter() - begin
        live = {"live_s": round(self.live - begin, 2)} if self.live else {}
        await asyncio.sleep(2)  # what it leaves to be done: letting go, collecting
        found = {
            "seconds": round(seconds, 2),
            **live,
            "loop_late_ms": round(1000 * self.heart.worst, 1),
            "loop_busy_ms": round(1000 * self.heart.busy, 1),
        }
        print(f"  {what:14}" + "  ".join(f"{name} {value:g}" for name, value in found.items()), flush=True)
        return found


async def play(scene: Scene, started: asyncio.Task[None]) -> dict[str, Any]:
    while not scene.socket.exists() and not started.done():
        await asyncio.sleep(0.1)
    while b"Ready" not in await ready(scene) and not started.done():
        await asyncio.sleep(0.5)
    while not all(state.up for state in scene.daemon._vips.states.values()):
        await asyncio.sleep(1)  # every real has had its first check
    await asyncio.sleep(3)
    beating = asyncio.create_task(scene.heart.beat())
    scene.note_documents()
    found: dict[str, Any] = {}

    async def do(what: str, work: Callable[[], Awaitable[Any]]) -> None:
        found[what] = await scene.measured(what, work)

    await do("nothing", lambda: asyncio.sleep(3))
    await do("status", lambda: scene.ctl("status", "--json"))
    await do(
        "status_page", lambda: scene.run("curl", "-so", "/dev/null", "http://127.0.0.1:8005/status.json")
    )
    await do("scrape", lambda: scene.run("curl", "-so", "/dev/null", "http://127.0.0.1:8005/metrics"))
    for name in ("same", "one", "all"):
        await asyncio.to_thread(shutil.copy, scene.folder / f"{name}.json", scene.document)
        await do(f"reload_{name}", lambda: scene.ctl("reload"))
    beating.cancel()
    found["health_change"] = await changes(scene)
    return found


async def changes(scene: Scene) -> dict[str, float]:
    """From what a check found to the byte in the kernel: one real after the other goes down and up."""
    reals, plane = scene.daemon._reals, scene.daemon._dataplane
    watched_ = (watched for its in reals._watch._watched.values() for watched in its.values())
    names = [watched.name for watched in watched_ if watched.condition.up][:CHANGES]
    stored: list[float] = []
    set_state = plane.set_state

    def noted(*arguments: Any) -> bool:
        result = set_state(*arguments)
        stored.append(time.perf_counter())
        return result

    plane.set_state = noted  # type: ignore[method-assign]
    took: list[float] = []
    for up in (False, True):
        for name in names[: CHANGES // 2]:
            watched = reals._watch._watched[name[0]][name[1]]
            watched.condition = Condition(up, "as wanted")
            stored.clear()
            begin = time.perf_counter()
            telling = asyncio.create_task(reals._on_condition(*name, watched.condition))
            while not stored:
                await asyncio.sleep(0.0002)  # as idle as the loop is otherwise: threads get the interpreter
            took.append(1000 * (stored[0] - begin))
            await telling
            await asyncio.sleep(0.001)
    took.sort()
    found = {"median_ms": round(took[len(took) // 2], 3), "p99_ms": round(took[len(took) * 99 // 100], 3)}
    print(f"  health change  {found}", flush=True)
    return found


async def ready(scene: Scene) -> bytes:
    command = [sys.executable, "-m", "vc5d.ctl", "--socket", str(scene.socket), "drains"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await process.communicate()
    return b"Ready" if process.returncode == 0 else b""


@contextmanager
def namespaces() -> Iterator[None]:
    """This thread in the load balancer's; a server in the reals'."""
    server = None
    try:
        for name in (BALANCER, REAL):
            _ip(f"netns add {name}")
            _ip("link set lo up", name)
        _ip(f"link add eth0 type veth peer name eth0 netns {REAL}", BALANCER)
        _ip("address add 10.67.255.1/16 dev eth0\nlink set eth0 up", BALANCER)
        lines = [f"address add {address(number)}/16 dev eth0" for number in range(HOSTS)]
        _ip("\n".join([*lines, "address add 192.168.0.0/16 dev lo", "link set eth0 up"]), REAL)
        words = ["nsenter", f"--net=/run/netns/{REAL}", sys.executable, "-c", _SERVER]
        server = subprocess.Popen(words)
        _enter(Path(f"/run/netns/{BALANCER}"))
        yield
    finally:
        if server:
            server.kill()
            server.wait()
        for name in (BALANCER, REAL):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


async def life(folder: Path) -> dict[str, Any]:
    scene = Scene(folder)
    shutil.copy(folder / "same.json", scene.document)
    scene.daemon = Daemon(scene.options(), scene.open)
    running = asyncio.create_task(scene.daemon.run())
    playing = asyncio.create_task(play(scene, running))
    await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        playing.cancel()
        running.result()
    found = playing.result()
    os.kill(os.getpid(), 15)
    await running
    await uninstall(PINS)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.runtime", description=__doc__)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--reals", type=int, default=100)
    parser.add_argument("--documents", type=Path, help="where compiled documents are kept for the next time")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("bench: runtime needs root", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = options.documents or Path(name)
        folder.mkdir(exist_ok=True)
        for document, without in (("same", 0), ("one", 1), ("all", options.services)):
            if not (folder / f"{document}.json").exists():
                compiled(folder, document, configuration(options.services, options.reals, without))
        log.setup("warning", "text")
        with namespaces():
            found = courtesy.run(life(folder))
    report.update(runtime=found)
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
