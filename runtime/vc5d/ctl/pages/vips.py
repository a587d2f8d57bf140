"""`vc5ctl vips`: up or not, announced or not, and why not."""

from __future__ import annotations

import time
from typing import Any

from ..terminal import age, printable, table
from .view import Page, View


def lines(view: View) -> list[str]:
    rows = [["VIP", "STATE", "ANNOUNCED", "PRIORITY", "FOR", "WHY NOT"]]
    announced = set(view.now["announced"])
    for vip, state in sorted(view.now["vips"].items()):
        out = "leaving" if state["leaving"] else "yes" if vip in announced else "no"
        style = {"yes": "green", "no": "red"}.get(out, "yellow")
        rows.append(
            [
                vip,
                view.paint("green", "up") if state["up"] else view.paint("red", "down"),
                view.paint(style, out),
                state["priority"],
                age(time.time() - state["since"]),
                printable(state["why"]),
            ]
        )
    return table(rows) if len(rows) > 1 else ["no VIPs"]


def as_json(view: View) -> Any:
    return view.now["vips"]


PAGE = Page(lines, as_json)
