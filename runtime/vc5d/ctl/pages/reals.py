"""`vc5ctl reals`: one line for each real of each service, with what its checks say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...errors import Vc5Error
from ..terminal import age, printable, state_style
from .services import chosen
from .view import Page, View

STATES = ("accepting", "draining", "down")
_NUMBERS = range(5, 11)
_DISPENSABLE = (4, 5, 6, 9, 10, 8, 3)  # columns, by how well an operator in haste can do without


def lines(view: View) -> list[str]:
    unit = ("PACKETS/S", "BITS/S", "FLOWS/S") if view.watching else ("PACKETS", "BYTES", "FLOWS")
    rows = [["REAL", "SERVICE", "STATE", "FOR", "MAC", "VLAN", "SHARE", "SESSIONS", *unit, "CHECKS"]]
    rows += [_row(view, each) for each in found(view)]
    return [*view.table(rows, _NUMBERS, _DISPENSABLE), *view.note()] if len(rows) > 1 else ["no reals"]


def found(view: View) -> list[dict[str, Any]]:
    """With `service` and `real` beside what vc5d says of each."""
    options = view.options
    reals = [
        {"service": key, "real": address, **real}
        for key, service in chosen(view.now, options.service).items()
        for address, real in service.get("reals", {}).items()
        if options.name in (None, address) and options.state in (None, real.get("state"))
    ]
    if options.name and not reals and options.state is None:
        raise Vc5Error(f"there is no real {options.name}", "`vc5ctl reals` lists them")
    return reals


def _row(view: View, real: Mapping[str, Any]) -> list[str]:
    key, address, state = real["service"], real["real"], real.get("state", "?")
    marks = [word for word in ("disabled", "drained") if real.get(word)]
    since = real.get("since")

    def counted(name: str, factor: int = 1) -> str:
        return view.shown(lambda answer: int(answer["services"][key]["reals"][address][name]), factor)

    return [
        address,
        key,
        view.paint(state_style(state), state) + (f" ({', '.join(marks)})" if marks else ""),
        age(time.time() - since) if since else "-",
        real.get("mac") or view.paint("red", "unknown"),
        str(real.get("vlan") or "-"),
        f"{100 * real.get('share', 0):.1f} %",
        str(real.get("sessions", 0)),
        counted("packets"),
        counted("bytes", 8 if view.watching else 1),
        counted("flows"),
        printable(real.get("reason", "left the document")),
    ]


PAGE = Page(lines, found)
