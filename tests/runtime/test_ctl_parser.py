"""The command line of vc5ctl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from vc5d.ctl import command, main
from vc5d.ctl.parser import parser
from vc5d.defaults import SOCKET

WORDS = [["status"], ["doctor"], ["flows"], ["drain", "real", "10.1.10.1"], ["undrain", "host"], ["reload"]]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_the_socket_stands_before_the_command_or_behind_it(words: list[str]) -> None:
    asked = ["--socket", "/run/other.sock"]
    assert parser().parse_args(words).socket == SOCKET
    assert parser().parse_args([*asked, *words]).socket == Path("/run/other.sock")
    assert parser().parse_args([*words, *asked]).socket == Path("/run/other.sock")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["quiet", "--below", "-1"], "a number of packets a second, 0 or more"),
        (["quiet", "--below", "nan"], "a number of packets a second, 0 or more"),
        (["quiet", "--for", "long"], "more than 0 seconds, and at most a day"),
        (["status", "--watch", "often"], "more than 0 seconds, and at most a day"),
        (["flows", "--most", "many"], "a number from 0 to 10000"),
        (["trace", "--count", "0"], "a number, 1 or more"),
        (["doctor", "--table", "main"], "the number of a routing table"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_number_that_is_none_is_told_what_is_wanted(
    words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(words)
    assert f"{words[1]}: '{words[2]}' is not {wanted}\n" in capsys.readouterr().err


def test_an_address_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(command, "ask", lambda *_, **values: asked.append(values["target"]) or {"target": ""})
    assert main(["--socket", str(tmp_path / "none"), "undrain", "vip", "2001:DB8:101::0001"]) == 0
    assert asked == [{"kind": "vip", "vip": "2001:db8:101::1"}]


def test_a_trace_that_never_began_counts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", str(tmp_path / "none"), "trace"]) == 1
    assert capsys.readouterr().err.startswith("vc5ctl: error: no vc5d answers on ")


def test_starts_without_what_takes_long_to_import() -> None:
    """An operator waits for it, and a script that asks a hundred times does."""
    code = (
        "import sys, vc5d.ctl.command; print(*{'numpy', 'pyroute2', 'asyncio', 'aiohttp'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
