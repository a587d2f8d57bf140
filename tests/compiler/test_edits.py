"""Edits of a text: in any order, of two that overlap the wider one, and never a line that holds more."""

from __future__ import annotations

from vc5c.edits import Edit, apply, comments, whole_entry
from vc5c.parse import parse
from vc5c.problems import Problems
from vc5c.source import Source


def test_in_any_order() -> None:
    edits = {Edit(2, 1, 2, 2, "B"), Edit(1, 1, 1, 4, "a"), Edit(2, 4, 2, 4, "!")}
    assert apply(Source("x", "one\ntwo\r\n"), edits) == "a\nBwo!\r\n"


def test_of_two_that_overlap_the_wider_one() -> None:
    assert apply(Source("x", "a: b c\n"), {Edit(1, 1, 1, 7, "all"), Edit(1, 4, 1, 5, "B")}) == "all\n"


def taken_out(text: str, key: str) -> str:
    source = Source("x", text)
    tree = parse(source, Problems())
    mapping = tree if key in tree.entries else tree.entries["l"].value.items[0]
    entry = mapping.entries[key]
    return apply(source, {whole_entry(entry.key, entry.value, source, "")})


def test_a_line_of_its_own_goes() -> None:
    assert taken_out("a: 1\nb:\n  - 2\n  - 3  # three\nc: 4\n", "b") == "a: 1\nc: 4\n"


def test_a_dash_stays() -> None:
    assert taken_out("l:\n  - a: 1\n    b: 2\n", "a") == "l:\n  -\n    b: 2\n"


def test_at_the_end_without_a_newline() -> None:
    assert taken_out("a: 1\nb: 2", "b").rstrip() == "a: 1"


def test_comments_are_found_beside_and_between_words() -> None:
    source = Source("x", 'a: # one\n  - "no # comment"  # two\n  # three\n  - b#c\n')
    tree = parse(source, Problems())
    assert comments(1, 4, tree, source) == ["# one", "# two", "# three"]
