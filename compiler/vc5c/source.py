"""The text that was given: its name and its lines."""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_MOST = 1 << 26  # bytes of a configuration; 100,000 lines have a twentieth of it
# What YAML counts as the end of a line (YAML 1.1, section 5.4), so that our line numbers are the parser's.
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Unreadable(Exception):
    """The input cannot be read at all (exit code 2): a reason for a person."""


@dataclass(frozen=True)
class Source:
    """A configuration's text. `name` is what messages call it.

    broken: line, column and value of the first byte that is not UTF-8, if any.
    file: what places in it call it: '' for the file that was given, the name of one that it includes.
    included: every file that was included, directly or not, by that name; only the given file has them.
    """

    name: str
    text: str
    broken: tuple[int, int, int] | None = None
    file: str = ""
    included: dict[str, Source] = field(default_factory=dict, compare=False)

    @cached_property
    def lines(self) -> list[str]:
        return LINE_BREAK.split(self.text)

    def of(self, file: str) -> Source:
        """The text that a place with this `file` is in."""
        return self.included.get(file, self)

    def place_of(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character offset."""
        before = LINE_BREAK.split(self.text[:offset])
        return len(before), len(before[-1]) + 1


def read(path: str) -> Source:
    """Read a file, or standard input for `-`. Raises Unreadable."""
    name = "<stdin>" if path == "-" else path
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            data = file.read(_MOST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(f"cannot read {name}: {reason}") from error
    if len(data) > _MOST:
        raise Unreadable(f"cannot read {name}: it is longer than {_MOST >> 20} MiB, as no configuration is")
    return decoded(name, data)


def decoded(name: str, data: bytes) -> Source:
    """The text of a file's bytes; `broken` says where it is not UTF-8."""
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line, column = Source(name, data[: error.start].decode()).place_of(error.start)
        return Source(name, data.decode("utf-8-sig", errors="replace"), (line, column, data[error.start]))
