"""The command line of vc5ctl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from vc5d.ctl.parser import parser
from vc5d.defaults import SOCKET

WORDS = [["status"], ["doctor"], ["flows"], ["drain", "real", "10.1.10.1"], ["undrain", "host"], ["reload"]]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_the_socket_stands_before_the_command_or_behind_it(words: list[str]) -> None:
    asked = ["--socket", "/run/other.sock"]
    assert parser().parse_args(words).socket == SOCKET
    assert parser().parse_args([*asked, *words]).socket == Path("/run/other.sock")
    assert parser().parse_args([*words, *asked]).socket == Path("/run/other.sock")


def test_starts_without_what_takes_long_to_import() -> None:
    """An operator waits for it, and a script that asks a hundred times does."""
    code = (
        "import sys, vc5d.ctl.command; print(*{'numpy', 'pyroute2', 'asyncio', 'aiohttp'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
