"""`vc5ctl flows`: the flows that are remembered, and how many each real has."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ..terminal import age, table
from .view import Page, View

_NOTE = "Remembered are only flows that the tables cannot answer for, and all of services that track fully."


def values(options: argparse.Namespace) -> dict[str, Any]:
    asked = {"service": options.service, "real": options.real, "client": options.client}
    return {name: value for name, value in asked.items() if value} | {"most": options.most}


def lines(view: View) -> list[str]:
    answer = view.now
    if not answer["matched"]:
        return ["no flow is remembered that matches", _NOTE]
    counts = [["SERVICE", "REAL", "FLOWS"]]
    counts += [
        [each["service"] or "-", each["real"] or "gone", str(each["flows"])] for each in answer["reals"]
    ]
    rows = [["CLIENT", "VIP", "PROTOCOL", "REAL", "IDLE", ""]]
    rows += [_row(each) for each in answer["flows"]]
    hidden = answer["matched"] - len(answer["flows"])
    more = [f"and {hidden} more: --most N shows up to N"] if hidden and answer["flows"] else []
    listed = ["", *table(rows, {4}), *more] if answer["flows"] else []
    return [f"{answer['matched']} flows", *table(counts, {2}), *listed, "", _NOTE]


def _row(flow: Mapping[str, Any]) -> list[str]:
    return [
        _endpoint(flow["client"], flow["cport"]),
        _endpoint(flow["vip"], flow["dport"]),
        flow["protocol"],
        flow["real"] or "gone",
        age(flow["idle"]),
        "half-open" if flow["half_open"] else "",
    ]


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


PAGE = Page(lines, lambda view: view.now, "flows", values)
