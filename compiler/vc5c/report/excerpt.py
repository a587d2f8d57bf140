"""A line of the source with carets below it, aligned whatever the line has in it.

A terminal gives most characters one cell, some of East Asia's (and emoji) two, and combining marks none
(Unicode Standard Annex 11). Tabs stay tabs before the caret, so that it lands below the right character.
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate

from vc5c.source import Source

WIDTH = 110  # cells of the line that are shown: longer ones are cut around the caret
BEFORE = 80  # cells of a cut line that are kept before the caret
NEAR = 4 * WIDTH  # characters to look at on each side: a line may have a million
CUT = "…"


def excerpt(source: Source, line: int, column: int, length: int) -> list[str]:
    """The source line and a caret line below it; [] when there is nothing to show."""
    if not 1 <= line <= len(source.lines) or not source.lines[line - 1].strip():
        return []
    cells = source.lines[line - 1].rstrip()
    start = min(column - 1, len(cells))
    first, last = _window(cells, start)
    left, right = CUT if first else "", CUT if last < len(cells) else ""
    indent = " " * len(left) + "".join(map(_blank, cells[first:start]))
    carets = "^" * max(1, _width(cells[start : min(start + length, last)]))
    margin = f"{line:5}"
    text = left + "".join(map(_shown, cells[first:last])) + right
    return [f"{margin} | {text}", f"{' ' * len(margin)} | {indent}{carets}"]


def _window(cells: str, start: int) -> tuple[int, int]:
    """The part of a long line that is shown: what is before the caret as far as it fits, and what follows."""
    if len(cells) <= NEAR and _width(cells) <= WIDTH:
        return 0, len(cells)
    first = start - _fitting(cells[max(0, start - NEAR) : start][::-1], BEFORE)
    return first, first + _fitting(cells[first : first + NEAR], WIDTH)


def _fitting(cells: str, width: int) -> int:
    """How many of the first characters fit into so many cells."""
    for number, used in enumerate(accumulate(map(_cells, cells))):
        if used > width:
            return number
    return len(cells)


def _shown(character: str) -> str:
    """Safe on a terminal: what is not printable is a dot."""
    return character if character.isprintable() or character == "\t" else "·"


def _blank(cell: str) -> str:
    return "\t" if cell == "\t" else " " * _cells(cell)


def _width(cells: str) -> int:
    return sum(map(_cells, cells))


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
