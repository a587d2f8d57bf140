"""How problems look: the right place under the caret, whatever the line has in it."""

from __future__ import annotations

import pytest
from vc5c.problems import Place, Problem, Problems, Rejected, did_you_mean
from vc5c.report.excerpt import excerpt
from vc5c.report.human import render, summary
from vc5c.source import Source


def caret_column(lines: list[str]) -> int:
    return lines[1].index("^")


def test_caret() -> None:
    lines = excerpt(Source("x", "one\n  two: three\n"), 2, 8, 5)
    assert lines == ["    2 |   two: three", "      |        ^^^^^"]


def test_caret_after_a_tab() -> None:
    first, second = excerpt(Source("x", "\ta\tb: c"), 1, 4, 1)
    assert first == "    1 | \ta\tb: c"
    assert second == "      | \t \t^"


def test_caret_after_wide_characters() -> None:
    """Two cells for a Chinese character or an emoji, none for a combining mark."""
    lines = excerpt(Source("x", "名前😀e\u0301: WRONG"), 1, 8, 5)
    assert lines == ["    1 | 名前😀e\u0301: WRONG", "      | " + " " * 9 + "^^^^^"]


def test_caret_under_wide_characters() -> None:
    assert excerpt(Source("x", "name: 名前"), 1, 7, 2)[1] == "      |       ^^^^"


@pytest.mark.parametrize("filler", ["a", "名", "e\u0301"])
def test_long_line_is_cut_around_the_caret(filler: str) -> None:
    text = filler * 5000 + "WRONG" + filler * 5000
    first, second = excerpt(Source("x", text), 1, len(filler) * 5000 + 1, 5)
    assert first.startswith("    1 | …")
    assert first.endswith("…")
    cells = "".join({"名": "名 ", "\u0301": ""}.get(c, c) for c in first)
    assert len(cells) < 130
    assert cells[second.index("^") : second.rindex("^") + 1] == "WRONG"


def test_carets_end_where_the_line_is_cut() -> None:
    first, second = excerpt(Source("x", "a" * 10_000), 1, 1, 10_000)
    assert len(first) == len(second) + 1


@pytest.mark.parametrize(("line", "column"), [(0, 1), (9, 1), (2, 1)])
def test_nothing_to_show(line: int, column: int) -> None:
    assert excerpt(Source("x", "a\n\n"), line, column, 1) == []


def test_terminal_is_safe() -> None:
    source = Source("x", "a: \x9b31m\x7f")
    shown = render(Problem("rule", "bad `\x1b[31m`", Place(1, 1)), source)
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_notes_and_hint() -> None:
    source = Source("f.yaml", "a: 1\nb: 2\n")
    problem = Problem(
        "some-rule", "clash", Place(2, 1), notes=(("first here", Place(1, 1)),), hint="choose one"
    )
    assert render(problem, source).splitlines() == [
        "f.yaml:2:1: error: clash [some-rule]",
        "    2 | b: 2",
        "      | ^",
        "f.yaml:1:1: note: first here",
        "    1 | a: 1",
        "      | ^",
        "   = help: choose one",
    ]


def test_collector() -> None:
    problems = Problems()
    problems.warning("w", "only a warning", Place(9, 1))
    problems.stop_on_errors()
    for line in (3, 1, 3):
        problems.error("e", "twice the same is once", Place(line, 1))
    with pytest.raises(Rejected) as caught:
        problems.stop_on_errors()
    assert [problem.place.line for problem in caught.value.problems] == [1, 3, 9]
    assert summary(caught.value.problems) == "2 errors, 1 warning"


def test_suggestion() -> None:
    assert did_you_mean("virtaul", ["virtual", "servers"]) == "; did you mean `virtual`?"
    assert did_you_mean("xyz", ["virtual", "servers"]) == ""


def test_a_place_in_an_included_file() -> None:
    inner = Source("conf.d/web.yaml", "a: 1\nb: 2\n", file="conf.d/web.yaml")
    source = Source("f.yaml", "include: x\nc: 3\n", included={inner.file: inner})
    problem = Problem(
        "r", "clash", Place(2, 1, 1, inner.file), notes=(("first", Place(2, 1)), ("and", Place(1, 1, 4)))
    )
    assert render(problem, source).splitlines() == [
        "conf.d/web.yaml:2:1: error: clash [r]",
        "    2 | b: 2",
        "      | ^",
        "f.yaml:2:1: note: first",
        "    2 | c: 3",
        "      | ^",
        "f.yaml:1:1: note: and",
        "    1 | include: x",
        "      | ^^^^",
    ]
    ordered = Rejected([problem, Problem("r", "own", Place(9, 1))]).problems
    assert [p.message for p in ordered] == ["own", "clash"]
