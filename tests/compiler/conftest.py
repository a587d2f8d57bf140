"""What the compiler's tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from vc5c import emit
from vc5c.compile import load
from vc5c.model import Config
from vc5c.problems import Problem, Problems, Rejected, in_order
from vc5c.report.human import render
from vc5c.resolve import resolve
from vc5c.source import Source


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever runs the tests keeps their own cache as it is."""
    monkeypatch.setenv("VC5C_CACHE", str(tmp_path_factory.getbasetemp() / "vc5c-cache"))


@pytest.fixture
def load_text() -> Callable[[str], Config]:
    return lambda text: load(Source("config.yaml", text), Problems())


@pytest.fixture
def compile_text(load_text: Callable[[str], Config]) -> Callable[[str], dict[str, Any]]:
    """YAML text to the document as an object."""
    return lambda text: json.loads(b"".join(emit.document(resolve(load_text(text)))))


@pytest.fixture
def problems_of() -> Callable[[str], list[Problem]]:
    """Errors and warnings of a text, in the order in which they are shown."""
    return lambda text: [problem for problem in found_in(text) if problem.severity != "note"]


@pytest.fixture
def rules_of() -> Callable[[str], set[str]]:
    """The ids of the rules that a text breaks, notes and all."""
    return lambda text: {problem.rule for problem in found_in(text)}


def found_in(text: str) -> list[Problem]:
    """Errors, warnings and notes."""
    problems = Problems()
    try:
        load(Source("config.yaml", text), problems)
    except Rejected as rejected:
        return rejected.problems
    return in_order(problems.found)


@pytest.fixture
def rendered(problems_of: Callable[[str], list[Problem]]) -> Callable[[str], str]:
    """All problems of a text as a user sees them."""
    return lambda text: "\n".join(render(p, Source("config.yaml", text)) for p in problems_of(text))
