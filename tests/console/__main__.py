"""The console as pictures, over a sample of traffic.

    .venv/bin/python -m tests.console [--seconds 60] DIRECTORY

console.png, dark.png, phone.png, map.png and many.png (1,000 services). docs/console.png is of the lab:
tests.console.live.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from .browser import CHROMIUM, Page, chromium
from .served import content, served


async def _ready(page: Page, url: str) -> None:
    await page.open(url)
    await page.until("document.querySelectorAll('#services tbody tr').length > 7")


async def _pictures(directory: Path, seconds: float) -> None:
    async with served(content()) as (url, _), chromium() as page:
        await page.look(1280, 900)
        await _ready(page, url)
        await page.run("document.querySelectorAll('.open')[3].click()")
        await asyncio.sleep(seconds)
        (directory / "console.png").write_bytes(await page.picture())
        await page.look(1280, 900, dark=True)
        await asyncio.sleep(2)
        (directory / "dark.png").write_bytes(await page.picture(whole=True))
        await page.run("document.getElementById('map').open = true")
        await page.until("document.querySelectorAll('#map-top tbody tr').length > 5")
        await page.run("document.getElementById('map').scrollIntoView()")
        (directory / "map.png").write_bytes(await page.picture())
        await page.look(360, 780)
        await page.run("scrollTo(0, 0)")
        await asyncio.sleep(2)
        (directory / "phone.png").write_bytes(await page.picture(whole=True))
    async with served(content(1000, 20)) as (url, _), chromium() as page:
        await page.look(1280, 900)
        await _ready(page, url)
        await asyncio.sleep(3)
        (directory / "many.png").write_bytes(await page.picture())


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.console", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of traffic before the picture (60)")
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    if CHROMIUM is None:
        parser.exit(1, "no Chromium: apt-get install chromium\n")
    asyncio.run(_pictures(options.directory, options.seconds))


if __name__ == "__main__":
    main()
