"""`vc5ctl drops`: what was not forwarded, by reason; what that means, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..reasons import words
from ..terminal import table
from .view import Answer, Page, View


def lines(view: View) -> list[str]:
    counted = "PACKETS/S" if view.watching else "PACKETS"
    rows, advice = [["REASON", counted, "WHAT"]], []
    for reason, count in view.now["reasons"].items():
        if not count and not view.options.all:
            continue
        said = words(reason)
        style = "red" if reason.startswith("drop_") and count else ""
        rows.append([view.paint(style, reason), view.shown(_counter(reason)), said.meaning])
        if count and said.remedy:
            advice.append(f"  {view.paint('bold', reason)}: {said.remedy}")
    if len(rows) == 1:
        return ["every packet was forwarded"]
    return [*table(rows, {1}), *(["", "If there are many:", *advice] if advice else [])]


def _counter(reason: str) -> Callable[[Answer], int]:
    return lambda answer: int(answer["reasons"][reason])


def as_json(view: View) -> Any:
    return [
        {"reason": reason, "packets": count, "meaning": words(reason).meaning, "remedy": words(reason).remedy}
        for reason, count in view.now["reasons"].items()
    ]


PAGE = Page(lines, as_json)
