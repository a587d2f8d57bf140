"""What the lab has found, as the table of docs/failover.md and as docs/failover.svg.

python -m lab.failover.figures draws them again from build/failover.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lab.plan import BUILD, ROOT

FOUND = BUILD / "failover.json"
PAGE, CHART = ROOT / "docs" / "failover.md", ROOT / "docs" / "failover.svg"
NAMES = {
    "on": "sharing on",
    "off": "sharing off",
    "full-on": "`track: full`, sharing on",
    "full": "`track: full`, sharing off",
}
COLOURS = {"on": "#009e73", "off": "#d55e00", "full-on": "#0072b2", "full": "#cc79a7"}
Found = dict[str, Any]


def rows(found: Found) -> dict[str, dict[str, dict[str, Any]]]:
    """By letter of the event and variant."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for variant in NAMES:
        for row in found.get(variant, {}).get("rows", []):
            result.setdefault(row["letter"], {})[variant] = row
    return result


def table(found: Found) -> str:
    """Markdown."""
    there = [variant for variant in NAMES if variant in found]
    head = ["", "event", *(f"{NAMES[v]}: broken of off the table" for v in there)]
    head += [f"{NAMES[v]}: failed of all requests; converged" for v in there]
    lines = [head, ["---"] * 2 + ["---:"] * 2 * len(there)]
    for letter, by in rows(found).items():
        title = next(iter(by.values()))["title"]
        cells = [_broken(by.get(v)) for v in there] + [_failed(by.get(v)) for v in there]
        lines.append([letter, title, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _broken(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    own = f" (and {row['own']} of the dead real)" if row["own"] else ""
    return f"{row['broken'] - row['own']} of {row['elsewhere']}{own}"


def _failed(row: dict[str, Any] | None) -> str:
    return "–" if row is None else f"{row['failed']} of {row['asked']:,}; {row['converged']:.1f} s"


def chart(found: Found) -> str:
    """Connections broken but for those of the dead real: a group of bars for each event."""
    there = [variant for variant in NAMES if variant in found]
    by_event = rows(found)
    left, bar, gap, width = 380, 13, 12, 900
    height = 60 + len(by_event) * (bar * len(there) + gap) + 10
    most = max([1, *(row["broken"] - row["own"] for by in by_event.values() for row in by.values())])
    count = max(part["connections"] for part in found.values())
    parts = [_text(10, 20, f"Connections broken, of {count:,}", 'font-weight="bold"')]
    for place, variant in enumerate(there):
        x = 10 + 200 * place
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{COLOURS[variant]}"/>')
        parts.append(_text(x + 14, 41, NAMES[variant].replace("`", "")))
    y = 60
    for letter, by in by_event.items():
        title = f"{letter}  {next(iter(by.values()))['title']}"
        parts.append(_text(left - 8, y + bar * len(there) / 2 + 4, title, 'text-anchor="end"'))
        for variant in there:
            if variant in by:
                broken = by[variant]["broken"] - by[variant]["own"]
                length = (width - left - 60) * broken / most
                parts.append(
                    f'<rect x="{left}" y="{y}" width="{max(length, 1):.1f}" height="{bar - 2}"'
                    f' fill="{COLOURS[variant]}"/>'
                )
                parts.append(_text(left + length + 5, y + bar - 3, str(broken), 'font-size="10"'))
            y += bar
        y += gap
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12"'
    body = "\n".join(parts)
    return (
        f'{head} font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def put_into(page: Path, found: Found) -> None:
    text = page.read_text()
    before, begin, rest = text.partition("<!-- lab -->\n")
    _, end, after = rest.partition("<!-- /lab -->")
    if not begin or not end:
        raise SystemExit(f"failover: {page} has no place for its table")
    page.write_text(before + begin + table(found) + "\n" + end + after)


def main() -> int:
    try:
        found = json.loads(FOUND.read_text())
    except FileNotFoundError:
        print(f"failover: {FOUND} is not there: make failover", file=sys.stderr)
        return 1
    CHART.write_text(chart(found))
    put_into(PAGE, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
