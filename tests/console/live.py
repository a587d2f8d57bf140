"""The console as pictures, over the lab: two load balancers that share flows, real traffic, real BIRD.

    .venv/bin/python -m tests.console.live [--seconds 150] [DIRECTORY]          as root

docs/console.png, or in DIRECTORY console.png, dark.png, phone.png and map.png. VC5_LAB names the lab.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "tests"))

from lab import bird, cleanup, session  # noqa: E402
from lab.host import inside  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.plan import CONFIG, SECOND_PORT, SECOND_VIP, VIP, VIP6, Names, default_names  # noqa: E402

from .browser import CHROMIUM, Page, chromium  # noqa: E402

_URLS = ((VIP, 80), (VIP, 80), (VIP, 80), (SECOND_VIP, SECOND_PORT), (VIP6, 80))
_CLIENTS = 24  # that ask one after the other, and stay for a while
_SHARING = '\nmulticast: "239.1.1.1:9999"\n'


class Shown(Lab):
    """The demo's lab, and the fleet shares flows."""

    def come_up(self) -> None:
        self.names.state.mkdir(mode=0o755, exist_ok=True)
        config, key = self.names.state / "shared.yaml", self.names.state / "fleet.key"
        config.write_text(CONFIG.read_text() + _SHARING)
        key.write_text(secrets.token_hex(32) + "\n")
        self.compile(config)
        self.build()
        for balancer in self.balancers:
            control = bird.control(self.names, balancer.name)
            balancer.more = ["--fleet-key-file", key, "--bird-socket", control]
            balancer.roll_out(self.document)
            balancer.start_bird(self.config)
            balancer.start_vc5d()
        for balancer in self.balancers:
            balancer.wait_vc5d()
        for vip in (VIP, SECOND_VIP, VIP6):
            self.wait_paths(2, 60, vip)


async def _ask_for_ever(names: Names, number: int) -> None:
    """Connections one after the other, each with a request; faster and slower by turns."""
    turn = number
    while True:
        address, port = _URLS[turn % len(_URLS)]
        turn += 1
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(3):
                reader, writer = await _connected(names.netns("client"), address, port)
                writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
                await reader.readline()
                await asyncio.sleep(0.1 * (number % 8))
                writer.close()
        await asyncio.sleep(0.1 + 0.1 * (turn // 40 % 3))


async def _connected(
    netns: str, address: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    with inside(netns):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (address, port))
    return await asyncio.open_connection(sock=made)


@contextlib.asynccontextmanager
async def _brought_here(netns: str) -> AsyncIterator[str]:
    """The URL by which a browser of this host's reaches a console on a namespace's localhost."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(1 << 16):
                writer.write(content)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await _connected(netns, "127.0.0.1", 8005)
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


async def _pictures(names: Names, directory: Path, seconds: float, *, all_: bool) -> None:
    asking = [asyncio.create_task(_ask_for_ever(names, number)) for number in range(_CLIENTS)]
    try:
        async with _brought_here(names.netns("lb1")) as url, chromium() as page:
            await page.look(1280, 900)
            await page.open(url)
            await page.until("document.querySelectorAll('#services tbody tr').length > 2", 60)
            await page.run("document.querySelectorAll('.open')[0].click()")
            await asyncio.sleep(seconds)
            (directory / "console.png").write_bytes(await page.picture())
            if all_:
                await _others(page, directory)
            assert page.problems == [], page.problems
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _others(page: Page, directory: Path) -> None:
    await page.look(1280, 900, dark=True)
    await asyncio.sleep(2)
    (directory / "dark.png").write_bytes(await page.picture(whole=True))
    await page.run("document.getElementById('map').open = true")
    await asyncio.sleep(3)
    await page.run("document.getElementById('map').scrollIntoView()")
    (directory / "map.png").write_bytes(await page.picture())
    await page.look(360, 780)
    await page.run("scrollTo(0, 0)")
    await asyncio.sleep(2)
    (directory / "phone.png").write_bytes(await page.picture(whole=True))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.console.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=150, help="of traffic before the picture (150)")
    parser.add_argument("directory", nargs="?", type=Path)
    options = parser.parse_args()
    if CHROMIUM is None:
        parser.exit(1, "no Chromium: apt-get install chromium\n")
    names = default_names()
    with session.alone(names) as alone:
        if not alone:
            return 2
        session.prepare_host()
        try:
            Shown(names).come_up()
            directory = options.directory or _ROOT / "docs"
            asyncio.run(_pictures(names, directory, options.seconds, all_=options.directory is not None))
        finally:
            cleanup.clean(names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
