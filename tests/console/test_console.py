"""The console in a real Chromium: by mouse, keyboard and screen reader, on a phone, in the dark."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from vc5d.errors import Vc5Error
from vc5d.web import writing
from vc5d.web.server import Content

from .browser import CHROMIUM, Page, chromium
from .served import content, served

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium (VC5_BROWSER=1 make setup installs it)"
)

SERVICES = "document.querySelectorAll('#services > tbody > tr:not(.detail)').length"
TOKEN = "0123456789abcdef-token"


def look(
    work: Callable[[Page, str], Awaitable[None]],
    shown: Content | None = None,
    size: tuple[int, int] = (1280, 900),
    dark: bool = False,
) -> None:
    """`work` with the page once it shows services. In the end nothing may have gone wrong in it."""

    async def main() -> None:
        async with served(shown or content()) as (url, _), chromium() as page:
            await page.look(*size, dark=dark)
            await page.open(url)
            await page.until(f"{SERVICES} > 0")
            await work(page, url)
            assert page.problems == []

    asyncio.run(main())


def text(selector: str) -> str:
    return f"document.querySelector({selector!r}).innerText"


def test_a_load_balancer_that_cannot_share_says_why() -> None:
    shown = content()

    async def status() -> Mapping[str, Any]:
        found = dict(await shown.status())
        return found | {"fleet": {"on": False, "wanted": True, "why": "there is no secret of the fleet"}}

    async def work(page: Page, _: str) -> None:
        assert "not shared with other load balancers: there is no secret" in await page.run(text("#notices"))
        assert await page.run("document.getElementById('fleet').hidden")

    look(work, dataclasses.replace(shown, status=status))


def test_what_is_there_and_that_it_lives() -> None:
    async def work(page: Page, _: str) -> None:
        assert await page.run("document.title") == "VC5 lb1", "by SSH the address says nothing"
        assert await page.run(text("#connection")) == "live"
        assert await page.run(SERVICES) == 8
        assert "192.0.2.4:53:tcp has 5 of the 6 reals that it needs" in await page.run(text("#vips"))
        assert "7 routes announced." in await page.run(text("#bgp-why"))
        assert "Connection refused" in await page.run(text("#bgp"))
        fleet = await page.run(text("#fleet"))
        assert "2 documents: transitions last until all agree." in fleet
        assert "Held until all have them: 10.0.0.15 of 192.0.2.1:80:tcp." in fleet
        assert "11aa22bb33cc, another than here" in fleet
        assert "to a VIP's port that has no service" in await page.run(text("#reasons"))
        assert "vip.down" in await page.run(text("#log"))
        before = await page.until(f"{text('#graphs p')} != '– ' && {text('#graphs p')}")
        await page.until(f"{text('#graphs p')} != {before!r}")
        assert await page.run("document.querySelector('#graphs .curve').getAttribute('d').length") > 10

    look(work)


def test_a_service_opens_by_keyboard_and_shows_its_reals() -> None:
    async def work(page: Page, _: str) -> None:
        await page.run("document.getElementById('filter-trouble').focus()")
        focused = "document.activeElement.dataset.service"
        for _ in range(12):
            await page.press("Tab")
            if await page.run(focused) == "192.0.2.4:53:tcp":
                break
        assert await page.run(focused) == "192.0.2.4:53:tcp"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await page.run(outline) != "none", "one sees where the focus is"
        await page.press("Enter")
        await page.until("document.querySelectorAll('.detail tbody tr').length == 6")
        reals = await page.run(text(".detail table"))
        for shown in ("10.0.3.12", "HTTP 503, expected 200", "02:00:00:03:10:02", "16.7 %", " ms", "20"):
            assert shown in reals
        assert await page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
        await page.until(
            f"!{text('.detail table')}.includes('NaN') && /[1-9][0-9,]*\\/s/.test({text('.detail table')})"
        )
        await asyncio.sleep(1.5)
        assert await page.run(focused) == "192.0.2.4:53:tcp", "news do not take the focus away"
        await page.press("Enter")
        await page.until("document.querySelectorAll('.detail').length == 0")

    look(work)


def test_a_screen_reader_finds_its_way() -> None:
    async def work(page: Page, _: str) -> None:
        await page.run("document.querySelectorAll('.open')[0].click()")
        await page.until("document.querySelectorAll('.detail tbody tr').length == 6")
        tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
        found = [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node
        ]
        roles = {role for role, _ in found}
        assert {
            "banner",
            "main",
            "contentinfo",
            "search",
            "table",
            "columnheader",
            "heading",
            "status",
        } <= roles
        regions = {name for role, name in found if role == "region"}
        assert {"Traffic", "VIPs", "BGP", "Packets not forwarded", "Log", "Operate"} <= regions
        assert any(role == "table" and name == "Reals of 192.0.2.1:80:tcp" for role, name in found)
        assert any(role == "image" and name.startswith("Packets: ") for role, name in found)
        nameless = [
            role
            for role, name in found
            if role in ("button", "textbox", "searchbox", "checkbox") and not name
        ]
        assert nameless == []

    look(work)


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark: bool) -> None:
    """Every text on its ground: at least 4.5 (WCAG 2.1, 1.4.3), as the browser computes the colours."""
    measure = """(() => {
      const parts = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
      const ground = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
      return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim()))
        .map((e) => { const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x); return [(a + .05) / (b + .05), e.className, e.innerText.slice(0, 30)]; })
        .sort((a, b) => a[0] - b[0]);
    })()"""  # noqa: E501

    async def work(page: Page, _: str) -> None:
        await page.run("document.querySelectorAll('.open')[3].click()")
        await page.until("document.querySelectorAll('.detail tbody tr').length == 6")
        found = await page.run(measure)
        assert len(found) > 100
        assert found[0][0] >= 4.5, found[:3]
        bright = await page.run("getComputedStyle(document.body).backgroundColor")
        assert (bright == "rgb(15, 21, 27)") == dark

    look(work, dark=dark)


def test_on_a_phone_nothing_is_wider_than_it() -> None:
    async def work(page: Page, _: str) -> None:
        await page.run("document.querySelectorAll('.open')[3].click()")
        await page.run("document.getElementById('map').open = true")
        await page.until("document.querySelectorAll('#map-top tbody tr').length > 5")
        await page.until("document.querySelectorAll('.detail tbody tr').length == 6")
        assert await page.run("document.documentElement.scrollWidth") == 360
        wide = """[...document.querySelectorAll('body *')].filter((e) =>
            !e.matches('.visually-hidden, .skip, thead, thead *') && e.getBoundingClientRect().right > 361)
            .map((e) => e.outerHTML.slice(0, 80))"""
        assert await page.run(wide) == []

    look(work, size=(360, 780))


def test_a_thousand_services() -> None:
    async def work(page: Page, _: str) -> None:
        assert await page.run(SERVICES) == 100
        assert await page.run(text("#services-count")) == "1000"
        await page.run("document.getElementById('services-more').click()")
        assert await page.run(SERVICES) == 200
        begin = await page.run("performance.now()")
        await page.run("document.getElementById('filter-text').focus()")
        await page.type("192.0.3.7:")
        await page.until(f"{SERVICES} == 1")
        assert await page.run(text("#services-count")) == "1 of 1000"
        assert await page.run("performance.now()") - begin < 5000
        await page.run("document.getElementById('filter-text').value = ''")
        await page.run("document.getElementById('filter-trouble').click()")
        await page.until(f"{SERVICES} == 2")
        assert await page.run("document.querySelectorAll('*').length") < 8000

    look(work, content(1000, 10))


def test_the_map_says_what_is_where() -> None:
    async def work(page: Page, _: str) -> None:
        await page.run("document.querySelector('#map summary').click()")
        await page.until("document.querySelectorAll('#map-top tbody tr').length > 5")
        assert "2001:db8:1::/48" in await page.run(text("#map-top"))
        await page.run("document.getElementById('map-picture').focus()")
        await page.press("ArrowRight")
        at = "document.getElementById('map-says').innerText"
        assert (await page.run(at)).startswith("0.0.16.0/20"), "the curve goes right first"
        await page.press("ArrowDown")
        assert (await page.run(at)).startswith("0.0.32.0/20"), "then down, and back to the left"
        for _ in range(2):
            await page.press("ArrowRight", shift=True)
        # A square of 64 cells is a /8: the second one along the curve lies to the right of the first.
        assert (await page.run(at)).startswith("1.")
        drawn = "document.getElementById('map-picture').getContext('2d').getImageData(0, 0, 1024, 1024).data.filter((v, i) => i % 4 == 3 && v == 255).length"  # noqa: E501
        assert await page.run(drawn) > 1000

    look(work)


def test_what_comes_from_outside_is_text() -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"

    async def work(page: Page, _: str) -> None:
        assert hostile in await page.run("document.querySelector('#services tbody').textContent")
        assert hostile in await page.run("document.querySelector('#log').textContent")
        assert await page.run("document.querySelectorAll('main img, main script').length") == 0

    plain = content()
    real = plain.status
    plain.activity.on_event("real.down", "error", {"reason": hostile}, 1.0)

    async def status() -> Mapping[str, Any]:
        found = dict(await real())
        next(iter(found["services"].values()))["name"] = hostile
        return found

    look(work, dataclasses.replace(plain, status=status))


def test_read_only_without_a_token() -> None:
    async def work(page: Page, _: str) -> None:
        await page.until(f"{text('#operate-how')}.includes('no console token')")
        assert not await page.run("document.getElementById('operate-form').checkVisibility()")
        assert await page.run("document.querySelectorAll('button.small').length") == 0

    look(work)


def test_draining_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(writing, "_SLOWLY", 0.05)

    async def drain(values: Mapping[str, Any]) -> Any:
        given.append(values)
        if not values["force"]:
            raise Vc5Error("draining it would withdraw 192.0.2.1", "--force does it all the same")
        return {}

    async def work(page: Page, url: str) -> None:
        button = "[...document.querySelectorAll('#vips button')][0]"
        said = "document.getElementById('operate-says').innerText"
        await page.until(f"Boolean({button})")
        tries = (
            ("wrong-0123456789", False, "wrong"),
            (TOKEN, False, "would withdraw"),
            (TOKEN, True, "done"),
        )
        for token, force, answer in tries:
            await page.run(
                "document.getElementById('token').value = ''; document.getElementById('token').focus()"
            )
            await page.type(token)
            await page.run(f"{button}.click()")
            assert "Drain VIP 192.0.2.1?" in await page.run(text("#ask"))
            await page.run(f"document.getElementById('ask-force').checked = {str(force).lower()}")
            await page.run("document.getElementById('ask-yes').click()")
            await page.until(f"{said}.includes({answer!r})")
        await page.run(f"{button}.click()")
        await page.press("Enter")  # the focus is on Cancel
        assert not await page.run("document.getElementById('ask').open")
        assert TOKEN not in await page.run(
            "location.href + document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
        )
        page.problems[:] = [each for each in page.problems if "403" not in each and "409" not in each]

    look(work, dataclasses.replace(content(), commands={"drain": drain}, token=TOKEN.encode))
    target = {"kind": "vip", "vip": "192.0.2.1"}
    assert given == [{"target": target, "force": False}, {"target": target, "force": True}]


def test_it_comes_back_after_the_connection_was_lost() -> None:
    async def main() -> None:
        async with chromium() as page:
            async with served(content()) as (url, web):
                await page.look(1280, 900)
                await page.open(url)
                await page.until(f"{SERVICES} > 0")
                for client in list(web.feed._clients):
                    for _ in range(20):
                        client.give(b": filler\n\n")
                await page.until(f"{text('#connection')} == 'live'")
            await page.until(f"{text('#connection')}.includes('lost')")

    asyncio.run(main())
