"""build/tables.svg: disruption and imbalance against the number of reals, one line per table size.

Two plain log-log charts, written as text: python -m tests.bench.chart draws them again from build/bench.json.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from tests.bench import report

PATH = report.PATH.with_name("tables.svg")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 460, 340, 70, 56, 20, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # apart for colour-blind readers, too (Okabe and Ito)
KATRAN = {10: 0.21, 100: 0.55, 1000: 0.58}  # what it publishes, at 65,537 slots

Points = dict[int, float]
Ticks = tuple[float, ...]


class Chart:
    """A chart with logarithmic axes at a horizontal offset. x and y: range and ticks."""

    def __init__(self, offset: int, title: str, x: Ticks, y: Ticks, unit: str, axis: str = "reals") -> None:
        self.offset, self.x, self.y = offset, x, y
        self.parts = [self._text(LEFT, 24, title, 'font-weight="bold"')]
        bottom = HEIGHT - BOTTOM
        for tick in x:
            at = self._across(tick)
            self.parts.append(self._line([(at, TOP), (at, bottom)], "#ddd"))
            written = f"{tick:,}" if isinstance(tick, int) else f"{tick:g}"
            self.parts.append(self._text(at, bottom + 18, written, 'text-anchor="middle"'))
        for tick in y:
            at = self._down(tick)
            self.parts.append(self._line([(LEFT, at), (WIDTH - RIGHT, at)], "#ddd"))
            self.parts.append(self._text(LEFT - 6, at + 4, f"{tick:g}{unit}", 'text-anchor="end"'))
        middle = (LEFT + WIDTH - RIGHT) / 2
        self.parts.append(self._text(middle, HEIGHT - 12, axis, 'text-anchor="middle"'))

    def curve(self, points: Points, colour: str) -> None:
        places = [(self._across(x), self._down(y)) for x, y in points.items()]
        self.parts.append(self._line(places, colour, 2))

    def crosses(self, points: Points) -> None:
        for x, y in points.items():
            at, down = self._across(x), self._down(y)
            for sign in (-4, 4):
                self.parts.append(self._line([(at - 4, down - sign), (at + 4, down + sign)], "#000", 1.5))

    def label(self, column: int, text: str, colour: str) -> None:
        self.parts.append(self._text(LEFT + 95 * column, 43, text, f'fill="{colour}"'))

    def _across(self, value: float) -> float:
        return LEFT + (WIDTH - RIGHT - LEFT) * _share(value, self.x)

    def _down(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * _share(value, self.y)

    def _line(self, points: list[tuple[float, float]], colour: str, width: float = 1) -> str:
        written = " ".join(f"{self.offset + x:.1f},{y:.1f}" for x, y in points)
        return f'<polyline points="{written}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    def _text(self, x: float, y: float, text: str, style: str) -> str:
        return f'<text x="{self.offset + x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _share(value: float, ticks: tuple[float, ...]) -> float:
    """How far along the axis, 0 to 1."""
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    return min(1, max(0, (math.log(max(value, ticks[0])) - low) / (high - low)))


def draw(tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """The SVG of what tests.bench.tables measured."""
    reals = (10, 20, 50, 100, 200, 500, 1000)
    moved = Chart(0, "Slots moved without need when one real goes", reals, (0.05, 0.1, 0.2, 0.5, 1, 2), " %")
    uneven = Chart(WIDTH, "Largest share above the mean", reals, (0.001, 0.01, 0.1, 1, 10), " %")
    for line, (size, by_reals) in enumerate(tables.items()):
        points: Callable[[str], Points] = lambda key, by=by_reals: {int(n): by[n][key] for n in by}  # noqa: E731
        moved.curve(points("disruption_percent"), COLOURS[line])
        uneven.curve({n: 100 * (y - 1) for n, y in points("imbalance").items()}, COLOURS[line])
        moved.label(line, f"{int(size):,} slots", COLOURS[line])
        uneven.label(line, f"{int(size):,} slots", COLOURS[line])
    moved.crosses(KATRAN)
    moved.label(3, "× Katran, 65,537", "#000")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-size="12"'
    body = "\n".join([*moved.parts, *uneven.parts])
    return (
        f'{head} font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def write(tables: dict[str, dict[str, dict[str, float]]]) -> Path:
    PATH.write_text(draw(tables))
    return PATH


def main() -> int:
    found = report.read().get("compiler")
    if found is None:
        print("bench: build/bench.json has no compiler's figures: make bench-compiler", file=sys.stderr)
        return 1
    print(write(found["tables"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
