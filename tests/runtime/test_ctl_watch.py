"""`--watch` of a page while vc5d is restarted."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from vc5d.ctl import main, watch
from vc5d.errors import Vc5Error


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """A vc5d that answers, is gone, answers again, and then the operator has seen enough."""
    nothing = {"drained": []}
    answers = iter(
        [nothing, Vc5Error("no vc5d answers"), {"drained": [{"kind": "host"}]}, KeyboardInterrupt()]
    )

    def ask(*_: object) -> object:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(watch, "ask", ask)
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    return ask


def test_a_terminal_is_told_and_goes_on(
    restarted: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch.sys, "stdout", screen := Terminal())
    assert main(["--socket", str(tmp_path / "none"), "drains", "--watch", "1"]) == 0
    before, after = screen.getvalue().split("no vc5d answers")
    assert "nothing is drained" in before
    assert "undrain host" in after


def test_a_program_that_reads_is_told_at_once(restarted: object, tmp_path: Path) -> None:
    assert main(["--socket", str(tmp_path / "none"), "drains", "--watch", "1", "--json"]) == 1
