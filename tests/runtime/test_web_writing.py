"""Who may change something through the console: nobody by TCP without the token, no page of another site."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.web import Client, serve
from vc5d import log
from vc5d.errors import Vc5Error
from vc5d.web import writing
from vc5d.web.server import Content
from vc5d.web.writing import HEADER, read_token

TOKEN = b"0123456789abcdef-secret"
JSON = {"Content-Type": "application/json"}


async def status() -> dict[str, Any]:
    return {"services": {}}


class Operated:
    """Commands that remember what they were given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Any]] = []

    def content(self, token: bytes | None) -> Content:
        async def drain(values: Mapping[str, Any]) -> Any:
            self.given.append(("drain", values))
            if values.get("target") == "bad":
                raise Vc5Error("no such target", "try another")
            return {"drained": []}

        async def reload(values: Mapping[str, Any]) -> Any:
            self.given.append(("reload", values))
            return {"changed": False}

        return Content(
            status, commands={"drain": drain, "reload": reload}, token=(lambda: token) if token else None
        )


async def post(client: Client, path: str, headers: Mapping[str, str], body: str = "{}") -> tuple[int, Any]:
    async with client.session.post(client.url + path, data=body, headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_SLOWLY", 0.05)


def test_with_the_token() -> None:
    operated = Operated()

    async def work(client: Client) -> None:
        right = JSON | {HEADER: TOKEN.decode()}
        assert await post(client, "/drain", right, '{"target": {"kind": "host"}}') == (200, {"drained": []})
        assert await post(client, "/reload", right) == (200, {"changed": False})
        code, said = await post(client, "/drain", right, '{"target": "bad"}')
        assert (code, said) == (409, {"error": "no such target", "hint": "try another"})
        assert (await client.get("/access.json"))[1] == '{"may": "token"}'

    serve(operated.content(TOKEN), work)
    assert operated.given[0] == ("drain", {"target": {"kind": "host"}})


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (JSON, "{}", 403),  # what a page of another site can send at most, were it allowed to send JSON
        ({HEADER: TOKEN.decode(), "Content-Type": "text/plain"}, "{}", 403),
        ({HEADER: TOKEN.decode(), "Content-Type": "application/x-www-form-urlencoded"}, "{}", 403),
        (JSON | {HEADER: ""}, "{}", 403),
        (JSON | {HEADER: "write"}, "{}", 403),
        (JSON | {HEADER: TOKEN.decode()[:-1]}, "{}", 403),
        (JSON | {HEADER: TOKEN.decode() + "x"}, "{}", 403),
        (JSON | {HEADER: "\u00fc" * 20}, "{}", 403),
        (JSON | {HEADER: TOKEN.decode()}, "[]", 400),
        (JSON | {HEADER: TOKEN.decode()}, "{", 400),
        (JSON | {HEADER: TOKEN.decode()}, "[" * 100_000, 400),
        (JSON | {HEADER: TOKEN.decode(), "Host": "attacker.example"}, "{}", 421),
    ],
)
def test_what_is_refused(headers: Mapping[str, str], body: str, code: int) -> None:
    operated = Operated()

    async def work(client: Client) -> None:
        assert (await post(client, "/drain", headers, body))[0] == code

    serve(operated.content(TOKEN), work)
    assert operated.given == []


def test_without_a_token_it_is_read_only_but_for_the_unix_socket(tmp_path: Path) -> None:
    operated = Operated()
    path = tmp_path / "console.sock"

    async def work(client: Client) -> None:
        code, said = await post(client, "/reload", JSON | {HEADER: "write"})
        assert (code, said["error"]) == (403, "read-only: vc5d has no console token")
        assert (await client.get("/access.json"))[1] == '{"may": "read"}'
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert client.local
        async with client.local.get("http://localhost/access.json") as answer:
            assert (await answer.json()) == {"may": "write"}
        async with client.local.post("http://localhost/reload", data="{}", headers=JSON) as answer:
            assert answer.status == 403, "a browser may reach it by a forwarded port: the header is needed"
        headers = JSON | {HEADER: "write"}
        async with client.local.post("http://localhost/reload", data="{}", headers=headers) as answer:
            assert answer.status == 200

    serve(operated.content(None), work, path)
    assert operated.given == [("reload", {})]
    assert not path.exists()


def test_another_site_gets_no_leave_to_ask() -> None:
    async def work(client: Client) -> None:
        preflight = {"Origin": "http://attacker.example", "Access-Control-Request-Method": "POST",
                     "Access-Control-Request-Headers": HEADER}  # fmt: skip
        async with client.session.options(f"{client.url}/drain", headers=preflight) as answer:
            assert answer.status == 405
            assert not any(name.lower().startswith("access-control") for name in answer.headers)
        for path in ("/drain", "/reload"):
            assert (await client.get(path))[0] == 405, "a link changes nothing"

    serve(Operated().content(TOKEN), work)


def test_guessing_is_slow_and_logged_without_the_guess() -> None:
    told: list[str] = []
    log.setup("info")
    end = log.subscribe(lambda event, _level, values, _time: told.append(f"{event} {values}"))

    async def work(client: Client) -> None:
        begin = time.monotonic()
        guesses = [post(client, "/drain", JSON | {HEADER: f"guess-{n}-0123456789"}) for n in range(6)]
        assert {code for code, _ in await asyncio.gather(*guesses)} == {403}
        assert time.monotonic() - begin >= 6 * 0.05, "one after the other"
        right = JSON | {HEADER: TOKEN.decode()}
        assert (await post(client, "/reload", right))[0] == 200

    try:
        serve(Operated().content(TOKEN), work)
    finally:
        end()
    assert sum(each.startswith("console.refused") for each in told) == 6
    assert any(each.startswith("console.asked") for each in told)
    assert not any("guess-" in each or "secret" in each for each in told)


def test_where_the_token_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert read_token(None) is None
    (tmp_path / "console_token").write_bytes(TOKEN + b"\n")
    assert read_token(tmp_path / "console_token") == TOKEN
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_token(None) == TOKEN
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nothing"))
    assert read_token(None) is None


def test_a_new_token_needs_no_restart(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(TOKEN)
    now = writing.token_in(path)
    assert now
    assert now() == TOKEN
    path.write_bytes(b"another-one-0123456789")
    assert now() == b"another-one-0123456789"
    path.write_bytes(b"short")
    told: list[str] = []
    unsubscribe = log.subscribe(lambda event, *_: told.append(event))
    assert now() is None, "then only the UNIX socket may"
    unsubscribe()
    assert told == ["console.token"]
    assert writing.token_in(None) is None


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000, b"with space in it 0123", b"\xff" * 20])
def test_tokens_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(Vc5Error) as refused:
        read_token(path)
    assert "0123" not in str(refused.value)
    with pytest.raises(Vc5Error, match="cannot be read"):
        read_token(tmp_path / "nothing")
