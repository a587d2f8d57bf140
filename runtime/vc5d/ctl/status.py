"""`vc5ctl status` for a person: a page of text from the status as JSON (status.py)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

_HEADINGS = ("REAL", "STATE", "MAC", "VLAN", "SHARE", "PACKETS", "BYTES", "FLOWS", "CHECKS")
_NUMBERS = range(3, 8)  # columns aligned to the right


def page(status: Mapping[str, Any]) -> str:
    """Everything, ending with a newline."""
    lines = [*_head(status)]
    for key, service in sorted(status["services"].items()):
        lines += ["", *_service(key, service)]
    lines += ["", _counts("flows remembered", status.get("flows", {}))]
    lines += [_counts("not forwarded", status.get("reasons", {}))]
    return "\n".join(lines) + "\n"


def _head(status: Mapping[str, Any]) -> Iterable[str]:
    yield f"document    {status['document']}, {status['digest']}, generation {status['generation']}"
    interfaces = ", ".join(f"{name} ({mode})" for name, mode in sorted(status["interfaces"].items()))
    yield f"interfaces  {interfaces or 'none'}"
    yield f"announced   {', '.join(status['announced']) or 'nothing'}"
    failure = status.get("reload_failure")
    if failure:
        age = max(0, round(time.time() - failure["when"]))
        yield f"RELOAD FAILED {age} s ago; the document above still runs: {failure['message']}"
        if failure["hint"]:
            yield f"  hint: {failure['hint']}"


def _service(key: str, service: Mapping[str, Any]) -> Iterable[str]:
    reals = service.get("reals", {})
    accepting = sum(real.get("state") == "accepting" for real in reals.values())
    slots = ", ".join(f"{count} {state}" for state, count in service.get("slots", {}).items() if count)
    title = f"{key} {service.get('name', '(left the document)')}".rstrip()
    yield f"{title}: {accepting} of {len(reals)} accept, {service.get('need', 0)} needed; slots: {slots}"
    yield from _aligned([_HEADINGS, *(_real(address, real) for address, real in reals.items())])


def _real(address: str, real: Mapping[str, Any]) -> tuple[str, ...]:
    state = real.get("state", "?")
    return (
        address,
        state + (" (disabled)" if real.get("disabled") else "") + (" *" if real.get("consult") else ""),
        real.get("mac") or "unknown",
        str(real.get("vlan") or "-"),
        f"{100 * real.get('share', 0):.1f} %",
        *(str(real.get(name, 0)) for name in ("packets", "bytes", "flows")),
        real.get("reason", "left the document"),
    )


def _aligned(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()


def _counts(title: str, counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f"{title}: {shown or 'none'}"
