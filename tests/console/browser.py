"""Chromium, without a window, driven by its own protocol
(https://chromedevtools.github.io/devtools-protocol/) over a web socket: no driver program, no library beside
aiohttp. One page, in which scripts run and keys are pressed."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
_PATIENCE = 30.0  # s: for Chromium to start, or to answer, also on a busy machine
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Page:
    """`problems`: what the page's console said that is an error, refusals by the policy included."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.problems: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            return await answer

    async def read(self) -> None:
        """Until the connection ends."""
        async for message in self._socket:
            found = json.loads(message.data)
            if answer := self._answers.pop(found.get("id", 0), None):
                if "error" in found:
                    answer.set_exception(RuntimeError(found["error"]["message"]))
                else:
                    answer.set_result(found["result"])
            elif found.get("method") == "Runtime.exceptionThrown":
                self.problems.append(str(found["params"]["exceptionDetails"]))
            elif found.get("method") == "Log.entryAdded" and found["params"]["entry"]["level"] == "error":
                self.problems.append(
                    f"{found['params']['entry']['text']} {found['params']['entry'].get('url')}"
                )

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise. Raises RuntimeError."""
        done = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")

    async def until(self, script: str, seconds: float = 15.0) -> Any:
        """Its value, once that is true."""
        async with asyncio.timeout(seconds):
            while not (value := await self.run(script)):
                await asyncio.sleep(0.05)
        return value

    async def press(self, key: str, *, shift: bool = False) -> None:
        code = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39, "ArrowDown": 40}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window, and which colours the user prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, *, whole: bool = False) -> bytes:
        """PNG."""
        done = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(done["data"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A page of a Chromium of its own, which ends with it."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(prefix="vc5-chromium-", ignore_cleanup_errors=True) as directory:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *_OPTIONS,
            f"--user-data-dir={directory}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"HOME": directory, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _page_address(session, Path(directory))
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    reading = asyncio.create_task(page.read())
                    yield page
                    reading.cancel()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _page_address(session: aiohttp.ClientSession, directory: Path) -> str:
    port_file = directory / "DevToolsActivePort"
    async with asyncio.timeout(_PATIENCE):
        while True:
            with suppress(OSError, IndexError, aiohttp.ClientError):
                port = port_file.read_text().splitlines()[0]
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    for target in await answer.json():
                        if target["type"] == "page":
                            return str(target["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
