"""build/datapath.svg: what a packet costs, as bars.

python -m tests.bench.datapath_chart draws build/bench.json again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.bench import report

PATH = report.PATH.with_name("datapath.svg")
WIDTH, LEFT, RIGHT, ROW, TOP = 760, 250, 70, 20, 64
BAR = 13
COLOURS = {"floor": "#777", "vc5": "#0072b2", "six": "#009e73", "tracked": "#d55e00", "look": "#cc79a7"}

# Title, then rows: label, key in bench.json, colour.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "IPv4": (
        ("MAC swap, nothing else", "floor_ns", "floor"),
        ("a hit in a hash map, nothing else", "hash_hit_ns", "floor"),
        ("a hit in an LRU map, nothing else", "lru_hit_ns", "floor"),
        ("established, 1 flow", "established_1_ns", "vc5"),
        ("established, 65,536 flows", "established_64k_ns", "vc5"),
        ("established, 1,048,576 flows", "established_1m_ns", "vc5"),
        ("a new flow each packet", "new_flow_ns", "vc5"),
        ("VLAN rewritten", "vlan_rewrite_ns", "vc5"),
        ("VLAN pushed", "vlan_push_ns", "vc5"),
        ("not for a VIP, passed", "pass_ns", "vc5"),
    ),
    "IPv6": (
        ("established, 1 flow", "established6_1_ns", "six"),
        ("established, 65,536 flows", "established6_64k_ns", "six"),
        ("established, 1,048,576 flows", "established6_1m_ns", "six"),
        ("a new flow each packet", "new_flow6_ns", "six"),
        ("not for a VIP, passed", "pass6_ns", "six"),
    ),
    "To a real in another network: IPv4, 65,536 flows": (
        *(
            (f"{label}, the real's address IPv{version}", f"{type}_over{version}_ns", colour)
            for version, colour in ((4, "vc5"), (6, "six"))
            for type, label in (("ipip", "IP in IP"), ("gre", "GRE"), ("fou", "FOU"), ("gue", "GUE"))
        ),
        ("DSCP", "dscp_ns", "vc5"),
    ),
    "IPv4, every flow in a flow table": (
        ("established, 1 flow", "tracked_established_1_ns", "tracked"),
        ("established, 65,536 flows", "tracked_established_64k_ns", "tracked"),
        ("established, 1,048,576 flows", "tracked_established_1m_ns", "tracked"),
        ("a new flow each packet", "tracked_new_flow_ns", "tracked"),
    ),
    "Services configured, and met at random": (
        ("1", "services_1_on_1_ns", "vc5"),
        ("1,000, traffic on 64", "services_1000_on_64_ns", "vc5"),
        ("1,000, on all", "services_1000_on_1000_ns", "vc5"),
        ("10,000, traffic on 64", "services_10000_on_64_ns", "vc5"),
        ("10,000, on all", "services_10000_on_10000_ns", "vc5"),
    ),
    "Only finding the service": (
        ("64 of 10,000: perfect hash", "lookup_perfect_10000_on_64_ns", "look"),
        ("64 of 10,000: hash map", "lookup_hash_10000_on_64_ns", "floor"),
        ("all 10,000: perfect hash", "lookup_perfect_10000_on_10000_ns", "look"),
        ("all 10,000: hash map", "lookup_hash_10000_on_10000_ns", "floor"),
    ),
}


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {more}>{escape(words)}</text>'


def rows(found: dict[str, Any]) -> Iterator[str]:
    """The bars, top down; a key that was not measured has none."""
    known = [found[key] for group in GROUPS.values() for _, key, _ in group if key in found]
    longest = max([*known, 1.0])
    y = TOP
    for title, group in GROUPS.items():
        yield text(16, y + 12, title, 'font-weight="bold"')
        y += ROW + 4
        for label, key, colour in group:
            if key not in found:
                continue
            width = (WIDTH - LEFT - RIGHT) * max(found[key], 0) / longest
            fill = COLOURS[colour]
            yield text(LEFT - 8, y + 11, label, 'text-anchor="end"')
            yield f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{fill}"/>'
            yield text(LEFT + width + 6, y + 11, f"{found[key]:.0f} ns")
            y += ROW
        y += 10
    yield str(y)


def draw(found: dict[str, Any], path: Path = PATH) -> Path:
    """The chart of what bench.json holds; where it is."""
    *bars, height = rows(found)
    machine, kernel, runs = (found.get(key, "?") for key in ("machine", "kernel", "runs"))
    words = f"{machine}, Linux {kernel}; medians of {runs} runs"
    head = [
        text(16, 24, "Nanoseconds a packet in the XDP program, net of the harness", 'font-weight="bold"'),
        text(16, 44, words, 'fill="#555"'),
    ]
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
    style = 'font-family="sans-serif" font-size="12">'
    path.write_text(
        "\n".join([frame + style, '<rect width="100%" height="100%" fill="#fff"/>', *head, *bars, "</svg>\n"])
    )
    return path


if __name__ == "__main__":
    print(draw(report.read()))
    sys.exit(0)
