"""`vc5ctl status` for a person: a page of text from the status as JSON (status.py of vc5d)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ...operator.drains import Target
from ..terminal import printable, state_style
from .view import Page, View

_HEADINGS = ("REAL", "STATE", "MAC", "VLAN", "SHARE", "PACKETS", "BYTES", "FLOWS", "CHECKS")
_NUMBERS = range(3, 8)  # columns aligned to the right
_DISPENSABLE = (2, 3, 4, 6, 7)  # by how well an operator in haste can do without


def lines(view: View) -> list[str]:
    """Everything."""
    status = view.now
    said = [*_head(status)]
    for key, service in sorted(status["services"].items()):
        said += ["", *_service(view, key, service)]
    said += ["", _counts("flows remembered", status.get("flows", {}))]
    said += [_counts("not forwarded", status.get("reasons", {}))]
    return [*said, *view.note()]


def _head(status: Mapping[str, Any]) -> Iterable[str]:
    if "host" in status:  # a vc5d from before an upgrade, which still runs, does not say
        yield f"vc5d        {status['version']} on {printable(status['host'])}"
    yield f"document    {status['document']}, {status['digest']}, generation {status['generation']}"
    interfaces = ", ".join(f"{name} ({mode})" for name, mode in sorted(status["interfaces"].items()))
    yield f"interfaces  {interfaces or 'none'}"
    yield from _vips(status)
    if drained := status.get("drained"):
        words = printable(", ".join(str(Target.of(each)) for each in drained))
        yield f"DRAINED     {words}; `vc5ctl drains` says how to undo it"
    fleet = status.get("fleet") or {}
    if fleet.get("wanted") and not fleet["on"] and fleet["why"]:
        yield f"NOT SHARED  {printable(fleet['why'])}"
    failure = status.get("reload_failure")
    if failure:
        age = max(0, round(time.time() - failure["when"]))
        yield f"RELOAD FAILED {age} s ago; the document above still runs: {failure['message']}"
        if failure["hint"]:
            yield f"  hint: {failure['hint']}"


def _vips(status: Mapping[str, Any]) -> Iterable[str]:
    """What is announced, and why the rest is not: a VIP that leaves gets hardly any traffic."""
    vips, announced = status.get("vips", {}), status["announced"]
    marks = {vip: " (leaving)" for vip, each in vips.items() if each["leaving"]}
    yield f"announced   {', '.join(vip + marks.get(vip, '') for vip in announced) or 'nothing'}"
    for vip, each in sorted(vips.items()):
        if each["why"] and vip not in announced:
            yield f"NOT         {vip}: {printable(each['why'])}"


def _service(view: View, key: str, service: Mapping[str, Any]) -> Iterable[str]:
    reals = service.get("reals", {})
    accepting = sum(real.get("state") == "accepting" for real in reals.values())
    slots = ", ".join(f"{count} {state}" for state, count in service.get("slots", {}).items() if count)
    name = printable(service.get("name", "(left the document)"))
    title = view.paint("bold", f"{key} {name}".rstrip())
    yield f"{title}: {accepting} of {len(reals)} accept, {service.get('need', 0)} needed; slots: {slots}"
    rows = [_HEADINGS, *(_real(view, key, address, real) for address, real in reals.items())]
    yield from view.table(rows, _NUMBERS, _DISPENSABLE, "  ")


def _real(view: View, key: str, address: str, real: Mapping[str, Any]) -> tuple[str, ...]:
    state = real.get("state", "?")

    def counted(name: str) -> str:
        return view.shown(lambda answer: int(answer["services"][key]["reals"][address][name]))

    return (
        address,
        view.paint(state_style(state), state)
        + (" (disabled)" if real.get("disabled") else "")
        + (" (drained)" if real.get("drained") else "")
        + (" *" if real.get("consult") else ""),
        real.get("mac") or "unknown",
        str(real.get("vlan") or "-"),
        f"{100 * real.get('share', 0):.1f} %",
        *(counted(name) for name in ("packets", "bytes", "flows")),
        printable(real.get("reason", "left the document")),
    )


def _counts(title: str, counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f"{title}: {shown or 'none'}"


PAGE = Page(lines, lambda view: view.now)
