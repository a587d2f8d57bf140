"""`vc5ctl services`: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Vc5Error
from ..terminal import printable
from .view import Answer, Page, View

_NUMBERS = range(2, 8)
_DISPENSABLE = (6, 7, 8, 5)  # columns, by how well an operator in haste can do without


def lines(view: View) -> list[str]:
    unit = ("PACKETS/S", "BITS/S", "FLOWS/S") if view.watching else ("PACKETS", "BYTES", "FLOWS")
    rows = [["SERVICE", "NAME", "ACCEPT", "NEED", "SESSIONS", *unit, "SLOTS"]]
    for key, service in chosen(view.now, view.options.name).items():
        rows.append(_row(view, key, service))
    return [*view.table(rows, _NUMBERS, _DISPENSABLE), *view.note()] if len(rows) > 1 else ["no services"]


def _row(view: View, key: str, service: Mapping[str, Any]) -> list[str]:
    reals = service.get("reals", {})
    accepting = sum(real.get("state") == "accepting" for real in reals.values())
    need = service.get("need", 0)
    style = "green" if accepting == len(reals) else "yellow" if accepting >= max(1, need) else "red"
    slots = ", ".join(f"{count} {state}" for state, count in service.get("slots", {}).items() if count)

    def counted(name: str, factor: int = 1) -> str:
        return view.shown(lambda answer: int(answer["services"][key][name]), factor)

    return [
        key,
        printable(service.get("name") or "-"),
        view.paint(style, f"{accepting}/{len(reals)}"),
        str(need),
        str(service.get("sessions", 0)),
        counted("packets"),
        counted("bytes", 8 if view.watching else 1),
        counted("flows"),
        slots,
    ]


def chosen(answer: Answer, name: str | None) -> dict[str, Mapping[str, Any]]:
    """The services that the command line means: all, or those of a key, an address or a name."""
    services = dict(sorted(answer["services"].items()))
    if name is None:
        return services
    found = {
        key: service
        for key, service in services.items()
        if name in (key, key.rsplit(":", 2)[0].strip("[]"), service.get("name"))
    }
    if not found:
        raise Vc5Error(
            f"there is no service {name}", f"there are: {', '.join(list(services)[:10]) or 'none'}"
        )
    return found


def as_json(view: View) -> Any:
    found = chosen(view.now, view.options.name)
    return {
        key: {name: value for name, value in each.items() if name != "reals"} for key, each in found.items()
    }


PAGE = Page(lines, as_json)
