"""build/scale.svg: memory and apply time against services and reals, memory and scanning against flows.

python -m tests.bench.scale_chart draws build/bench.json again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.bench.chart import COLOURS, HEIGHT, WIDTH, Chart, Points

PATH = report.PATH.with_name("scale.svg")


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten around both."""
    begin, end = 1e-3, 1.0
    while begin * 10 <= low:
        begin *= 10
    while end < high:
        end *= 10
    ticks = [begin]
    while ticks[-1] < end:
        ticks.append(round(ticks[-1] * 10, 6))
    return tuple(ticks)


def draw(found: dict[str, Any]) -> str:
    """The SVG of what tests.bench.scale measured."""
    by_reals: dict[int, dict[int, dict[str, float]]] = {}
    for name, case in found["documents"].items():
        services, reals = map(int, name.split("_"))
        by_reals.setdefault(reals, {})[services] = case
    flows = {int(room): case for room, case in found["flows"].items()}
    charts = [
        _chart(
            0,
            "Memory of the maps",
            "MB",
            {f"{n} reals each": _points(c, "maps_mb") for n, c in by_reals.items()},
        ),
        _chart(1, "A document: first; one real more", "s", _times(by_reals)),
        _chart(
            2,
            "Flow tables: memory; a scan",
            "",
            {"MB": _points(flows, "tables_mb"), "s": _points(flows, "scan_s")},
            "room for flows",
        ),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * WIDTH} {HEIGHT}" font-size="12"'
    body = "\n".join(part for chart in charts for part in chart.parts)
    white = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'{head} font-family="sans-serif">\n{white}\n{body}\n</svg>\n'


def _times(by_reals: dict[int, dict[int, dict[str, float]]]) -> dict[str, Points]:
    most = max(by_reals)
    return {
        f"first, {most} reals": _points(by_reals[most], "first_s"),
        f"change, {most}": _points(by_reals[most], "change_s"),
        f"read, {most}": _points(by_reals[most], "read_s"),
    }


def _points(cases: dict[int, dict[str, float]], key: str) -> Points:
    return {at: case[key] for at, case in sorted(cases.items())}


def _chart(place: int, title: str, unit: str, curves: dict[str, Points], axis: str = "services") -> Chart:
    values = [value for points in curves.values() for value in points.values()]
    across = sorted({at for points in curves.values() for at in points})
    chart = Chart(place * WIDTH, title, tuple(across), _ticks(min(values), max(values)), f" {unit}", axis)
    for number, (name, points) in enumerate(curves.items()):
        chart.curve(points, COLOURS[number])
        chart.label(number, name, COLOURS[number])
    return chart


def write(found: dict[str, Any]) -> Path:
    PATH.write_text(draw(found))
    return PATH


def main() -> int:
    found = report.read().get("scale")
    if found is None:
        print("bench: build/bench.json has no scale's figures: make bench-scale", file=sys.stderr)
        return 1
    print(write(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
