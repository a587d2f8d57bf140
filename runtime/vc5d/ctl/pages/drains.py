"""`vc5ctl drains`: what an operator has taken out of service."""

from __future__ import annotations

from typing import Any

from ...operator.drains import Target
from .view import Page, View


def lines(view: View) -> list[str]:
    drained = view.now["drained"]
    return [
        f"{Target.of(each)}    back in service by: vc5ctl undrain {_target(each)}" for each in drained
    ] or ["nothing is drained"]


def _target(target: dict[str, str]) -> str:
    kind = target["kind"]
    if kind == "host":
        return kind
    only = f" --service {target['service']}" if kind == "real" and "service" in target else ""
    return f"{kind} {target[kind]}{only}"


def as_json(view: View) -> Any:
    return view.now["drained"]


PAGE = Page(lines, as_json)
