"""What a run has found, as plain data, and as the tables of docs/failover.md."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import year
from .designs import Glb, HostTables, TableOnly
from .fleet import ROWS, Fleet, Lossy, Sharing
from .run import Found
from .year import Size

Written = dict[str, Any]
THRESHOLD, RESILIENT, ANY = "hash-threshold", "resilient", "any"
COLUMNS = (
    (Sharing.name, THRESHOLD),
    (Lossy.name, THRESHOLD),
    (Fleet.name, THRESHOLD),
    (Fleet.name, RESILIENT),
    (HostTables.name, THRESHOLD),
    (HostTables.name, RESILIENT),
    (Glb.name, ANY),
    (TableOnly.name, ANY),
)
EVENTS = (
    year.LOST, year.ROLLED, year.RETURNS, year.DIES, year.BACK, year.SICK, year.BLIND, year.DRAINED,
    year.RESTARTED, year.DEPLOYED, year.ADDED, year.REMOVED, year.GONE,
)  # fmt: skip


def summary(size: Size, found: Found) -> Written:
    """Flows broken by design, router and kind of event; beside that how many such events there were."""
    return {
        "size": asdict(size),
        "events": dict(found.events),
        "broken": [[*key, count] for key, count in sorted(found.broken.items()) if count],
        "own": [[*key, count] for key, count in sorted(found.own.items()) if count],
        "mechanisms": [[*key, count] for key, count in sorted(found.mechanisms.items()) if count],
    }


def broken(written: Written, design: str, router: str, kind: str) -> int:
    return sum(count for *key, count in written["broken"] if key == [design, router, kind])


def total(written: Written, design: str, router: str) -> int:
    """In the year."""
    return sum(count for *key, _, count in written["broken"] if key == [design, router])


def caption(written: Written) -> str:
    size = written["size"]
    services = f"{size['services']} services of {size['reals']} reals and {size['flows']:,} flows each"
    return f"{size['balancers']} load balancers; {services}:"


def per_event(written: Written) -> str:
    """Flows broken by one event, on average: a Markdown table."""
    head = ["event", "times", *(name if router == ANY else f"{name}; {router}" for name, router in COLUMNS)]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for kind in EVENTS:
        times = written["events"].get(kind, 0)
        if times:
            cells = [figure(broken(written, *column, kind) / times) for column in COLUMNS]
            lines.append([kind, f"{times:,}", *cells])
    lines.append(["**in the year**", "", *(f"**{total(written, *column):,}**" for column in COLUMNS)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure(value: float) -> str:
    return "0" if not value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def mechanisms(written: Written) -> str:
    """By what the flows that an event put at stake kept their real, with sharing: a Markdown table."""
    names = list(dict.fromkeys(ROWS.values()))
    lines = [["event", "at stake", *names, "broken"], ["---", *["---:"] * (len(names) + 2)]]
    for kind in (*EVENTS, year.ENDS):
        counts = {
            m: c for d, r, k, m, c in written["mechanisms"] if (d, r, k) == (Sharing.name, THRESHOLD, kind)
        }
        lost, times = broken(written, Sharing.name, THRESHOLD, kind), written["events"].get(kind, 0)
        stake = sum(counts.values()) + lost
        if stake:
            shares = [share(counts.get(name, 0), stake) for name in names]
            lines.append([kind, figure(stake / times), *shares, share(lost, stake)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def share(part: int, whole: int) -> str:
    return "0" if not part else f"{100 * part / whole:.3g} %"


def put_into(page: Path, written: Written) -> None:
    """Replace the tables between their marks."""
    text = page.read_text()
    for mark, table in (
        ("per-event", f"{caption(written)}\n\n{per_event(written)}"),
        ("mechanisms", mechanisms(written)),
    ):
        before, begin, rest = text.partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition(f"<!-- /{mark} -->")
        if not begin or not end:
            raise SystemExit(f"simulation: {page} has no place for its table {mark!r}")
        text = before + begin + table + "\n" + end + after
    page.write_text(text)
