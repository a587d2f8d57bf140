"""Changes to a text at known places, which leave all the rest of it, comments too, as it is."""

from __future__ import annotations

from typing import NamedTuple

from vc5c.problems import Place
from vc5c.source import LINE_BREAK, Source
from vc5c.tree import Mapping, Node, Scalar, Sequence


class Edit(NamedTuple):
    """From a place up to a column of a line (both count from 1) there is to be other text."""

    line: int
    column: int
    end_line: int
    end_column: int  # the first that stays
    text: str


def replace_word(place: Place, text: str) -> Edit:
    return Edit(place.line, place.column, place.line, place.column + place.length, text)


def apply(source: Source, edits: set[Edit]) -> str:
    """The text with all edits; of two that overlap, only the wider one is made."""
    starts = [0, *(match.end() for match in LINE_BREAK.finditer(source.text))]
    spans = {
        (starts[edit.line - 1] + edit.column - 1, starts[edit.end_line - 1] + edit.end_column - 1, edit.text)
        for edit in edits
    }
    text, end = source.text, len(source.text) + 1
    chosen: list[tuple[int, int, str]] = []
    for first, last, new in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not chosen or first >= chosen[-1][1]:
            chosen.append((first, last, new))
    for first, last, new in reversed(chosen):
        assert last <= end
        text, end = text[:first] + new + text[last:], first
    return text


def last_line(node: Node) -> int:
    """The last line on which a node or something inside it begins."""
    if isinstance(node, Scalar):
        return node.place.line
    inner = node.items if isinstance(node, Sequence) else [entry.value for entry in node.entries.values()]
    return max([node.place.line, *(last_line(item) for item in inner)])


def is_flow(node: Node, source: Source) -> bool:
    """Whether a list or mapping is written in brackets."""
    line = source.lines[node.place.line - 1]
    return not isinstance(node, Scalar) and line[node.place.column - 1 : node.place.column] in ("[", "{")


def written(word: Scalar, source: Source) -> str:
    """A word as it stands in the text, quotes and all."""
    place = word.place
    return source.lines[place.line - 1][place.column - 1 : place.column - 1 + place.length]


def whole_entry(key: Scalar, value: Node, source: Source, text: str) -> Edit:
    """In place of a key, its value and the comment after it. Without `text` a line of its own goes too."""
    end = last_line(value)
    length = len(source.lines[end - 1])
    before = source.lines[key.place.line - 1][: key.place.column - 1]
    if not text and not before.strip() and end < len(source.lines):
        return Edit(key.place.line, 1, end + 1, 1, "")
    column = key.place.column if text else len(before.rstrip()) + 1
    return Edit(key.place.line, column, end, length + 1, text)


def comments(first: int, last: int, node: Mapping | Sequence, source: Source) -> list[str]:
    """Comments on lines that an edit replaces."""
    ends: dict[int, int] = {}
    _ends(node, ends)
    found = []
    for number in range(first, last + 1):
        rest = source.lines[number - 1][ends.get(number, 0) :]
        _, hash_sign, comment = (" " + rest).partition(" #")
        if hash_sign:
            found.append(f"#{comment}".rstrip())
    return found


def _ends(node: Node, ends: dict[int, int]) -> None:
    """Of each line, where its last word ends."""
    if isinstance(node, Scalar):
        place = node.place
        ends[place.line] = max(ends.get(place.line, 0), place.column - 1 + place.length)
    elif isinstance(node, Sequence):
        for item in node.items:
            _ends(item, ends)
    else:
        for entry in node.entries.values():
            _ends(entry.key, ends)
            _ends(entry.value, ends)
