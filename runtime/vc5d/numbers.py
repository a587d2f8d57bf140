"""Numbers of a command line: who gives a wrong one is told what is wanted, not which function reads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

N = TypeVar("N", int, float)


def number(kind: type[N], fits: Callable[[N], bool], wanted: str) -> Callable[[str], N]:
    """For argparse's `type`. wanted: in words, as in `… is not WANTED`."""

    def read(text: str) -> N:
        try:
            value = kind(text)
        except (ValueError, OverflowError):
            value = None
        if value is None or not fits(value):  # nan fits nowhere
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return read
