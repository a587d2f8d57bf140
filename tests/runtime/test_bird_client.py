"""BIRD's control socket: what it says of sessions; a BIRD that is not there, refuses, or says nonsense."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from vc5d.announce import bird_client
from vc5d.announce.bird_client import Session, Sessions, parse, read_sessions

REPLY = (
    b"2002-Name       Proto      Table      State  Since         Info\n"
    b"1002-device1    Device     ---        up     10:28:11.352  \n"
    b" router1    BGP        ---        up     10:28:13.031  Established   \n"
    b" router2    BGP        ---        start  2026-03-01    Active        Socket: Connection refused\n"
    b"0000 \n"
)


def ask(path: Path, answers: list[bytes] | None = None, pause: float = 0.0) -> Sessions:
    """Of a BIRD that greets and then says `answers`, one for each line that it is sent."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0001 BIRD 2.0.12 ready.\n")
        for answer in answers or []:
            lines.append(await reader.readline())
            await asyncio.sleep(pause)
            writer.write(answer)
        writer.close()

    async def main() -> Sessions:
        if answers is None:
            return await read_sessions(path)
        server = await asyncio.start_unix_server(converse, path)
        found = await read_sessions(path)
        server.close()
        return found

    lines: list[bytes] = []
    found = asyncio.run(main())
    if lines:
        assert lines[0] == b"restrict\n", "it can only read"
    return found


def test_sessions(tmp_path: Path) -> None:
    found = ask(tmp_path / "ctl", [b"0016 Access restricted\n", REPLY])
    assert found == Sessions(
        (
            Session("router1", True, "10:28:13.031", "Established"),
            Session("router2", False, "2026-03-01", "Active        Socket: Connection refused"),
        )
    )


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"0016 Access restricted\n", b"9001 syntax error\n"], "syntax error"),
        ([b"0016 Access restricted\n", b"nonsense\n"], "could not be read"),
        ([b"0016 Access restricted\n", b"1002-cut off"], "could not be read"),
        ([b"0016 Access restricted\n", b"1002-" + b"x" * 200_000], "could not be read"),
        ([], "could not be read"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, answers: list[bytes], why: str) -> None:
    found = ask(tmp_path / "ctl", answers)
    assert why in found.why
    assert not found.sessions


def test_no_bird_and_one_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not run here" in ask(tmp_path / "nothing").why
    monkeypatch.setattr(bird_client, "_PATIENCE", 0.1)
    assert "did not answer" in ask(tmp_path / "ctl", [b"0016 ok\n"] * 2, pause=1).why


def test_lines_of_others_are_passed_over() -> None:
    assert parse(["", "kernel1 Kernel master4 up 10:00", "x BGP"]) == ()


@pytest.mark.skipif(shutil.which("bird") is None, reason="needs BIRD")
def test_a_real_bird(tmp_path: Path) -> None:
    """One session that never comes up, of a BIRD without kernel protocols."""
    config, control = tmp_path / "bird.conf", tmp_path / "ctl"
    config.write_text(
        "router id 192.0.2.1;\nprotocol device {}\n"
        "protocol bgp far { local 127.0.0.1 port 17917 as 65000; neighbor 127.0.0.9 port 17918 as 65001;"
        " multihop; ipv4 { import none; export none; }; }\n"
    )
    bird = subprocess.Popen(["bird", "-f", "-c", config, "-s", control], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 5
        while not control.exists() and time.monotonic() < end:
            time.sleep(0.05)
        found = asyncio.run(read_sessions(control))
        assert [(each.name, each.up) for each in found.sessions] == [("far", False)], found.why
    finally:
        bird.kill()
        bird.wait()
