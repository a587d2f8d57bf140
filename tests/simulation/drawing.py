"""docs/simulation.svg: broken flows in the year by what broke them, a bar for each design."""

from __future__ import annotations

import math
from typing import Any
from xml.sax.saxutils import escape

from . import year
from .figures import ANY, COLUMNS, broken, total

WIDTH, LEFT, TOP, ROW, RIGHT = 1180, 330, 76, 34, 110
GROUPS = (
    ("load balancers leave and return", (year.LOST, year.ROLLED, year.RETURNS), "#0072b2"),
    ("reals die and return", (year.DIES, year.BACK), "#d55e00"),
    ("a real fails its checks but lives", (year.SICK, year.WELL), "#999"),
    ("one load balancer sees a real fail", (year.BLIND, year.SEES), "#cc79a7"),
    ("deployments", (year.DRAINED, year.RESTARTED, year.DEPLOYED), "#e69f00"),
    ("reals added and removed", (year.ADDED, year.REMOVED, year.ENDS, year.GONE), "#009e73"),
)


def bars(written: dict[str, Any]) -> str:
    """Lengths are logarithmic; within a bar, the shares are linear."""
    height = TOP + ROW * len(COLUMNS) + 40
    most = max(10, *(total(written, *column) for column in COLUMNS))
    decades = math.ceil(math.log10(most))

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(1, value)) / decades

    size = written["size"]
    title = (
        f"Flows broken in a year: {size['balancers']} load balancers, {size['services'] * size['reals']:,}"
        f" reals, {size['services'] * size['flows']:,} flows at any time"
    )
    parts = [_text(10, 22, title, 'font-weight="bold"')]
    at = 10
    for name, _, colour in GROUPS:
        parts += [f'<rect x="{at}" y="36" width="10" height="10" fill="{colour}"/>', _text(at + 14, 45, name)]
        at += 28 + int(6.3 * len(name))
    for decade in range(decades + 1):
        x = across(10**decade)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 32}" stroke="#ddd"/>')
        parts.append(_text(x, height - 16, f"{10**decade:,}", 'text-anchor="middle"'))
    for row, column in enumerate(COLUMNS):
        name = column[0] if column[1] == ANY else f"{column[0]}; {column[1]}"
        y, whole = TOP + ROW * row, total(written, *column)
        parts.append(_text(LEFT - 8, y + 15, name, 'text-anchor="end"'))
        x, length = float(LEFT), across(whole) - LEFT
        for _, kinds, colour in GROUPS:
            part = sum(broken(written, *column, kind) for kind in kinds)
            width = length * part / whole if whole else 0
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 12}" fill="{colour}"/>'
            )
            x += width
        parts.append(_text(x + 6, y + 15, f"{whole:,}"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="12"'
    body = "\n".join(parts)
    return (
        f'{head} font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
