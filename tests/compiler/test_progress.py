"""The progress line: only on a terminal, only when it takes long, and gone before anything else is said."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vc5c import progress
from vc5c.progress import CLEAR, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    monkeypatch.setenv("TERM", "xterm")


def shown(stream: io.StringIO, seconds: float) -> str:
    with Progress(stream) as line:
        line.stage("tables", 3000)
        for _ in range(1234):
            line.step()
        time.sleep(seconds)
    return stream.getvalue()


def test_says_what_is_done_and_clears_the_line() -> None:
    text = shown(Terminal(), 0.2)
    assert f"{CLEAR}vc5c: tables 1,234 of 3,000{CLEAR}" in text
    assert text.endswith(CLEAR)
    assert "\n" not in text


def test_nothing_when_it_is_quick() -> None:
    assert shown(Terminal(), 0) == ""


def test_nothing_without_a_terminal(monkeypatch) -> None:
    assert shown(io.StringIO(), 0.2) == ""
    monkeypatch.setenv("TERM", "dumb")
    assert shown(Terminal(), 0.2) == ""
    with Progress(None) as line:
        line.stage("x")


def test_what_is_said_meanwhile_stays() -> None:
    stream = Terminal()
    with Progress(stream) as line:
        line.say("at once")
        time.sleep(0.2)
        line.say("later")
        time.sleep(0.1)
    assert stream.getvalue().startswith(f"at once\n{CLEAR}vc5c: ")
    assert f"{CLEAR}later\n{CLEAR}vc5c: " in stream.getvalue()


def test_gone_when_something_fails() -> None:
    stream = Terminal()

    def fail() -> None:
        with Progress(stream):
            time.sleep(0.2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert stream.getvalue().endswith(CLEAR)


def test_never_wider_than_the_terminal(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    lines = shown(Terminal(), 0.2).split(CLEAR)
    assert {len(line) for line in lines if line} == {11}


def test_a_terminal_that_goes_away_is_no_error() -> None:
    stream = Terminal()
    with Progress(stream) as line:
        stream.close()
        line.stage("x")
        time.sleep(0.2)


def test_the_command_on_a_real_terminal(tmp_path: Path) -> None:
    """Problems come after the line is gone; the document, written elsewhere, has nothing of it."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "vlans: {10: 10.0.0.0/8}\nservers: {unused: [10.0.0.9]}\nservices:\n"
        "  - {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}\n"
    )
    slow = (
        "import sys, time; from vc5c import cli, compile, progress; progress.PATIENCE = 0.05\n"
        "resolve = compile.resolve; compile.resolve = lambda c: time.sleep(0.5) or resolve(c)\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", slow, str(config), "--no-cache", "-o", str(tmp_path / "out.json")]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=False, env=environment)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert done.stdout == b""
    assert re.match(r"(\r\x1b\[Kvc5c: \w+( \d+ of \d+)?)+\r\x1b\[K[^\r]*config\.yaml:2:11: warning: ", said)
    assert "\x1b" not in said.rpartition("\x1b[K")[2]
