"""The control socket and vc5ctl, without a daemon behind them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from vc5d import ctl, log
from vc5d.ctl.ask import ask
from vc5d.errors import Vc5Error
from vc5d.operator.caller import caller
from vc5d.operator.control import Control, is_served


async def _status(_: object) -> dict[str, Any]:
    return {"answer": 42}


async def _reload(_: object) -> None:
    raise Vc5Error("config.json: the digest is wrong", "copy it again")


async def _broken(_: object) -> None:
    raise RuntimeError("oh")


def run(path: Path, work: Callable[[Control], Awaitable[None]]) -> None:
    async def main() -> None:
        control = Control(path, {"status": _status, "reload": _reload, "broken": _broken})
        await control.start()
        try:
            await work(control)
        finally:
            await control.stop()

    asyncio.run(main())


async def say(path: Path, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    writer.write(line)
    answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
    writer.close()
    assert isinstance(answer, dict)
    return answer


def test_answers(tmp_path: Path) -> None:
    path = tmp_path / "made" / "s.sock"

    async def work(control: Control) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert await say(path, b'{"command": "status"}\n') == {"ok": True, "result": {"answer": 42}}
        failed = await say(path, b'{"command": "reload"}\n')
        assert failed == {"ok": False, "error": "config.json: the digest is wrong", "hint": "copy it again"}
        assert "status" in (await say(path, b'{"command": "dance"}\n'))["hint"]
        assert "defect" in (await say(path, b'{"command": "broken"}\n'))["hint"]
        for nonsense in (b"\xff\n", b"[]\n", b'"x"\n', b"{}\n", b"[" * 60000 + b"\n", b'{"command": []}\n'):
            assert not (await say(path, nonsense))["ok"]
        assert "65536" in (await say(path, b"x" * 200_000))["error"]

    run(path, work)
    assert not path.exists()


def test_the_log_says_who_changed_something(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    found = list[tuple[str, dict[str, object]]]()

    async def main() -> None:
        control = Control(path, {"status": _status, "reload": _reload}, logged={"reload"})
        await control.start()
        await say(path, b'{"command": "status", "user": 7}\n')
        await say(path, b'{"command": "reload", "user": 7}\n')
        await control.stop()

    log.setup("info", "text")
    end = log.subscribe(lambda event, level, values, when: found.append((event, dict(values))))
    asyncio.run(main())
    end()
    assert [event for event, _ in found] == ["control.asked"]
    assert found[0][1]["command"] == "reload"
    assert found[0][1]["user"] == caller_of_this_process()


def caller_of_this_process() -> int:
    login = int(Path("/proc/self/loginuid").read_text())
    return os.getuid() if login == 0xFFFFFFFF else login


@pytest.mark.parametrize(
    ("loginuid", "uid"), [("1000", 1000), ("4294967295", os.getuid()), ("", os.getuid()), (None, os.getuid())]
)
def test_who_it_is_also_behind_sudo(tmp_path: Path, loginuid: str | None, uid: int) -> None:
    mine, other = socket.socketpair()
    if loginuid is not None:
        (tmp_path / str(os.getpid())).mkdir()
        (tmp_path / str(os.getpid()) / "loginuid").write_text(loginuid)
    with mine, other:
        assert caller(mine, tmp_path) == uid


def test_a_client_that_says_nothing_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"

    async def work(control: Control) -> None:
        silent = [await asyncio.open_unix_connection(path) for _ in range(10)]
        silent[0][1].write(b'{"comm')
        assert (await say(path, b'{"command": "status"}\n'))["ok"]

    run(path, work)


def test_one_client_too_many_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"

    async def work(control: Control) -> None:
        silent = [await asyncio.open_unix_connection(path) for _ in range(64)]
        said = await asyncio.to_thread(asked_once, path)
        assert "64 clients" in said
        for _reader, writer in silent[:2]:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await say(path, b'{"command": "status"}\n'))["ok"]

    run(path, work)


def asked_once(path: Path) -> str:
    """What vc5ctl's user reads."""
    with pytest.raises(Vc5Error) as refused:
        ask(path, "status")
    return refused.value.message


def test_who_is_refused_before_it_has_asked_is_told_why(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    ready = threading.Event()

    def refuse() -> None:
        connection, _ = server.accept()
        with connection:
            connection.send(b'{"ok": false, "error": "64 clients", "hint": ""}\n')
        ready.set()

    class Late(socket.socket):
        def sendall(self, *data: Any) -> None:
            assert ready.wait(5)
            super().sendall(*data)

    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        server.bind(str(path))
        server.listen()
        patch.setattr(socket, "socket", Late)
        refusing = threading.Thread(target=refuse)
        refusing.start()
        assert asked_once(path) == "64 clients"
        refusing.join()


def test_two_requests_on_one_connection(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"

    async def work(control: Control) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "status"}\n' * 2)
        assert [json.loads(await reader.readline())["ok"] for _ in range(2)] == [True, True]
        writer.close()

    run(path, work)


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert not is_served(path)

    async def work(control: Control) -> None:
        assert is_served(path)
        with pytest.raises(Vc5Error, match="another vc5d is running"):
            await Control(path, {}).start()
        assert (await say(path, b'{"command": "status"}\n'))["ok"], "the first one still answers"

    run(path, work)


def test_a_socket_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Vc5Error, match=r"cannot make the control socket .*file/s\.sock"):
        run(tmp_path / "file" / "s.sock", lambda control: asyncio.sleep(0))


STATUS = {
    "document": "/etc/vc5/config.json",
    "digest": "sha256:00ff",
    "generation": 3,
    "interfaces": {"eth0": "native"},
    "announced": ["192.0.2.1"],
    "reload_failure": {"message": "broken", "hint": "mend it", "when": 0.0},
    "services": {
        "192.0.2.1:80:tcp": {
            "name": "web",
            "need": 1,
            "slots": {"clear": 60, "transition": 1, "consult": 0},
            "reals": {
                "10.0.0.1": {
                    "state": "accepting",
                    "consult": True,
                    "mac": "02:00:00:00:00:01",
                    "vlan": 10,
                    "share": 0.5,
                    "packets": 7,
                    "bytes": 700,
                    "flows": 2,
                    "reason": "HTTP 200",
                },
                "10.0.0.2": {"state": "draining", "mac": None, "disabled": True, "reason": "HTTP 200"},
                "10.0.0.3": {"state": "draining", "mac": None},
            },
        }
    },
    "reasons": {"drop_no_real": 3, "pass_not_ip": 0},
    "flows": {"tcp": 5, "syn": 0},
}


def page(path: Path, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str, str]:
    """What vc5ctl does with a daemon that has STATUS: exit code, output, errors."""

    async def status(_: object) -> dict[str, Any]:
        return STATUS

    async def main() -> int:
        control = Control(path, {"status": status, "reload": _reload})
        await control.start()
        code = await asyncio.to_thread(ctl.main, ["--socket", str(path), *command])
        await control.stop()
        return code

    code = asyncio.run(main())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_status_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = page(tmp_path / "s", capsys, "status")
    assert code == 0
    text = [" ".join(line.split()) for line in out.splitlines()]
    assert "document /etc/vc5/config.json, sha256:00ff, generation 3" in text
    assert "interfaces eth0 (native)" in text
    assert "announced 192.0.2.1" in text
    assert any(line.startswith("RELOAD FAILED") and line.endswith("broken") for line in text)
    assert "hint: mend it" in text
    assert "192.0.2.1:80:tcp web: 1 of 3 accept, 1 needed; slots: 60 clear, 1 transition" in text
    assert "10.0.0.1 accepting * 02:00:00:00:00:01 10 50.0 % 7 700 2 HTTP 200" in text
    assert "10.0.0.2 draining (disabled) unknown - 0.0 % 0 0 0 HTTP 200" in text
    assert "10.0.0.3 draining unknown - 0.0 % 0 0 0 left the document" in text
    assert "not forwarded: drop_no_real 3" in text
    assert "flows remembered: tcp 5" in text


def test_status_for_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = page(tmp_path / "s", capsys, "status", "--json")
    assert (code, json.loads(out)) == (0, STATUS)


def test_a_reload_that_fails_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = page(tmp_path / "s", capsys, "reload")
    assert (code, out) == (1, "")
    assert err == "vc5ctl: error: config.json: the digest is wrong\n  hint: copy it again\n"


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--socket", str(tmp_path / "none"), "status"]) == 1
    assert "is it running?" in capsys.readouterr().err


def test_wrong_usage() -> None:
    with pytest.raises(SystemExit) as caught:
        ctl.main(["dance"])
    assert caught.value.code == 2


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")

    async def work(control: Control) -> None:
        raise AssertionError

    with pytest.raises(Vc5Error, match="a file that is no socket is there"):
        run(path, work)
    assert path.read_text() == "mine"


def test_paths_that_are_too_long_are_said_to_be(tmp_path: Path) -> None:
    async def work(control: Control) -> None:
        raise AssertionError

    long = tmp_path / ("x" * 120)
    with pytest.raises(Vc5Error, match="too long"):
        run(long, work)
    with pytest.raises(Vc5Error, match="too long"):
        ctl.ask(long, "status")


@pytest.mark.parametrize("answer", [b"hello\n", b"[]\n", b"{}\n", b'{"ok": true'])
def test_an_answer_of_something_else(
    tmp_path: Path, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        def serve() -> None:
            client, _ = other.accept()
            client.recv(100)
            client.sendall(answer)
            client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        assert ctl.main(["--socket", str(path), "status"]) == 1
        thread.join()
    err = capsys.readouterr().err
    assert err.startswith("vc5ctl: error: ")
    assert "defect" not in err
