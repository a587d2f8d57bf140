"""What a page is made from: two answers of vc5d, for rates, and how to show them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..terminal import Paint, narrowed, short, table

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """before: the answer of `seconds` ago, when watching. room: columns of the terminal; None: any length.
    missing: headings of what tables had no room for."""

    options: argparse.Namespace
    now: Answer
    before: Answer | None = None
    seconds: float = 0.0
    paint: Paint = field(default_factory=Paint)
    room: int | None = None
    missing: dict[str, None] = field(default_factory=dict)

    @property
    def watching(self) -> bool:
        return self.options.watch is not None

    def table(
        self,
        rows: Sequence[Sequence[str]],
        numbers: Sequence[int],
        dispensable: Sequence[int],
        indent: str = "",
    ) -> list[str]:
        """terminal.table, without what a narrow terminal has no room for."""
        available = None if self.room is None else self.room - len(indent)
        left, gone = narrowed(rows, dispensable, available)
        self.missing.update(dict.fromkeys(rows[0][column] for column in gone))
        kept = [column for column in range(len(rows[0])) if column not in gone]
        return table(left, [at for at, column in enumerate(kept) if column in numbers], indent)

    def note(self) -> list[str]:
        """What tables had no room for."""
        return (
            ["", f"no room here for {', '.join(self.missing)}: a wider terminal, or --json"]
            if self.missing
            else []
        )

    def rate(self, count: Callable[[Answer], int]) -> float | None:
        """What `count` says of an answer, a second; None: not known yet. A counter that went back
        began anew."""
        if self.before is None or self.seconds <= 0:
            return None
        try:
            return max(0, count(self.now) - count(self.before)) / self.seconds
        except (KeyError, TypeError):
            return None  # it was not there before

    def shown(self, count: Callable[[Answer], int], factor: int = 1) -> str:
        """The rate when watching, else the count."""
        if not self.watching:
            try:
                return str(count(self.now))
            except KeyError:
                return "0"
        rate = self.rate(count)
        return "…" if rate is None else short(rate * factor)


@dataclass(frozen=True)
class Page:
    """command: what vc5d is asked; values: what goes with it. json: the stable shape."""

    lines: Callable[[View], list[str]]
    json: Callable[[View], Any]
    command: str = "status"
    values: Callable[[argparse.Namespace], dict[str, Any]] = lambda _: {}
