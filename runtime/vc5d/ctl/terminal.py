"""What pages are made of: colour where a terminal wants it, tables, numbers that people read."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_FREE = 16  # columns that a text at the end of a line has for certain
_UNITS = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True)
class Paint:
    """colour: whether to."""

    colour: bool = False

    @classmethod
    def of_terminal(cls) -> Paint:
        """By what standard output is, and the environment (no-color.org)."""
        dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
        return cls(sys.stdout.isatty() and not dumb)

    def __call__(self, style: str, text: str) -> str:
        """style: one of bold, dim, red, green, yellow; "" for none."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and style else text


def as_json(value: Any, indented: bool = True) -> str:
    """One line into a file or a pipe, as line-oriented programs want it. indented: on a terminal."""
    for_a_person = indented and sys.stdout.isatty()
    return json.dumps(value, indent=2 if for_a_person else None, sort_keys=True)


def state_style(state: str) -> str:
    """The colour of a real's state."""
    return {"accepting": "green", "draining": "yellow", "down": "red"}.get(state, "")


def table(rows: Sequence[Sequence[str]], numbers: Iterable[int] = (), indent: str = "") -> list[str]:
    """Lines with the cells in columns; `numbers`: columns aligned to the right."""
    right = set(numbers)
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        (indent + "  ".join(_padded(cell, widths[at], at in right) for at, cell in enumerate(row))).rstrip()
        for row in rows
    ]


def room() -> int | None:
    """Columns of the terminal that standard output is; None: it is none, and lines may have any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def narrowed(
    rows: Sequence[Sequence[str]], dispensable: Sequence[int], available: int | None
) -> tuple[list[Sequence[str]], list[int]]:
    """The rows without as many columns of `dispensable`, the first of them first, as must go for a line to
    fit; and which those are: on a console of 80 columns a table whose lines break cannot be read. Only the
    last cell of a line, whose text is free, may break it."""
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[-1] = min(widths[-1], _FREE)
    gone: list[int] = []
    rest = iter(dispensable)
    while available is not None and sum(widths) + 2 * (len(widths) - 1 - len(gone)) > available:
        column = next(rest, None)
        if column is None:
            break
        widths[column] = 0
        gone.append(column)
    return [[cell for at, cell in enumerate(row) if at not in gone] for row in rows], sorted(gone)


def width(cell: str) -> int:
    """On the screen."""
    return len(_ESCAPE.sub("", cell))


def _padded(cell: str, wanted: int, right: bool) -> str:
    gap = " " * (wanted - width(cell))
    return gap + cell if right else cell + gap


def short(number: float) -> str:
    """1234567 as 1.2 M: three digits and a unit."""
    unit = 0
    while abs(number) >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    digits = 0 if abs(number) >= 99.95 or not unit else 1
    return f"{number:.{digits}f} {_UNITS[unit]}".rstrip()


def age(seconds: float) -> str:
    """3700 s as 1 h 1 min: the two largest units."""
    seconds = max(0, round(seconds))
    for name, length, next_name, next_length in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= length:
            rest = seconds % length // next_length
            return f"{seconds // length} {name}" + (f" {rest} {next_name}" if rest else "")
    return f"{seconds} s"


def printable(text: object) -> str:
    """Control characters made visible: what comes from the network or a document moves no cursor."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text)
    )
