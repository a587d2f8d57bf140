"""The command line of vc5ctl."""

from __future__ import annotations

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
