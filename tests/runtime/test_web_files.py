"""Static files: the console's own, and an operator's directory out of which nothing else can be had."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from support.web import Client, serve
from vc5d.web.files import OWN, find
from vc5d.web.options import webroot
from vc5d.web.server import Content

HOSTILE = (
    b"/../secret.txt",
    b"/%2e%2e/secret.txt",
    b"/..%2fsecret.txt",
    b"//etc/passwd",
    b"/up/secret.txt",
    b"/%2e%2e%2f%2e%2e%2fetc/passwd",
    b"/out.txt",
    b"/sub/..%5c..%5csecret.txt",
)


async def status() -> dict[str, Any]:
    return {"services": {}, "version": "1", "digest": "", "generation": 0, "started": 0, "interfaces": {}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (made / "index.html").write_text("<p>mine")
    (made / "sub" / "index.html").write_text("<p>sub")
    (made / "sub" / "a b.txt").write_text("spaces")
    (made / ".hidden").write_text("secret")
    (made / "private.txt").write_text("secret")
    (made / "private.txt").chmod(0o640)
    (made / "out.txt").symlink_to(tmp_path / "secret.txt")
    (made / "up").symlink_to(tmp_path)
    (made / "inside.txt").symlink_to(made / "sub" / "a b.txt")
    (made / "loop").symlink_to(made / "loop")
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", "index.html"),
        ("index.html", "index.html"),
        ("sub", "sub/index.html"),
        ("sub/", "sub/index.html"),
        ("sub//a b.txt", "sub/a b.txt"),
        ("inside.txt", "sub/a b.txt"),
    ],
)
def test_what_is_served(root: Path, name: str, found: str) -> None:
    assert find(root, name) == root / found


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "sub/../../secret.txt",
        "..",
        "out.txt",
        "up/secret.txt",
        "up",
        ".hidden",
        "private.txt",
        "pipe",
        "loop",
        "nothing",
        "index.html/x",
        "a\0b",
        "..\\secret.txt",
        "x" * 5000,
    ],
)
def test_what_is_not(root: Path, name: str) -> None:
    assert find(root, name) is None


def test_the_operators_page_in_place_of_the_console(root: Path) -> None:
    async def work(client: Client) -> None:
        assert await client.get("/") == (200, "<p>mine")
        assert (await client.get("/status.json"))[0] == 200
        assert (await client.get("/console.js"))[0] == 404
        for path in HOSTILE:
            answer = await client.raw(
                b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert b" 404 " in answer.splitlines()[0], path
            assert b"secret\n" not in answer + b"\n"

    serve(Content(status, webroot=root), work)


def test_the_console_loads_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    async def work(client: Client) -> None:
        for name in OWN:
            path = "/" if name == "index.html" else f"/{name}"
            code, text = await client.get(path)
            assert code == 200
            assert text == (resources.files("vc5d.web") / "static" / name).read_text()
            assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
            assert "https://" not in text
            assert "innerHTML" not in text
        _, page = await client.get("/")
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == 1

    serve(Content(status), work)


def test_a_webroot_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert webroot(None) is None
    assert webroot(str(tmp_path)) == tmp_path
    assert webroot(str(tmp_path / "nothing")) is None
    assert webroot("relative") is None
