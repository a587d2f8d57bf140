"""What a page is made from: two answers of vc5d, for rates, and how to show them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..terminal import Paint, short

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """before: the answer of `seconds` ago, when watching."""

    options: argparse.Namespace
    now: Answer
    before: Answer | None = None
    seconds: float = 0.0
    paint: Paint = field(default_factory=Paint)

    @property
    def watching(self) -> bool:
        return self.options.watch is not None

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
