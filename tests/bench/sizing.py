"""What one load balancer needs for a link: python -m tests.bench.sizing [--driver-ns N] [--page FILE]

Arithmetic over what build/bench.json says was measured (`make bench`, `make bench-scale`), written between
the marks of docs/sizing.md. One number is not measured here, for want of a network card: its driver's cost.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import report, scale_chart
from tests.vm.figures import put

LINKS = (10, 25, 100)  # Gbit/s
# Preamble, frame check sequence and gap: on the wire beside every frame as the program sees it.
BESIDE = 24
# Bytes of a frame. Only what clients send passes a load balancer: acknowledgements and requests.
FRAMES = {
    "smallest (a flood)": 60,
    "acknowledgements": 66,
    "acknowledgements and requests": 200,
    "uploads": 1514,
}
BUSY = 0.7  # of a CPU: the rest is for bursts
DRIVER_NS = 60.0
ESTABLISHED = ("established_64k_ns", "established_1m_ns")  # the dearer counts
WANTED = (
    *ESTABLISHED,
    "vlan_rewrite_ns",
    "vlan_push_ns",
    "new_flow_ns",
    "tracked_established_1m_ns",
    "tracked_new_flow_ns",
)


@dataclass(frozen=True)
class Sizes:
    """What was measured: nanoseconds by key, and bytes a place in the flow tables takes."""

    costs: dict[str, float]
    place_bytes: float
    maps_mb: float
    room: int
    documents: dict[str, dict[str, float]]

    @property
    def cost(self) -> float:
        """Of a packet of an established flow, one of many."""
        return max(self.costs[key] for key in ESTABLISHED)


def read(found: dict[str, Any]) -> Sizes:
    """Raises ValueError naming what to run."""
    if missing := [key for key in WANTED if key not in found]:
        raise ValueError(f"build/bench.json has no {', '.join(missing)}: make bench")
    if "scale" not in found:
        raise ValueError("build/bench.json has no scale: make bench-scale")
    flows = {int(room): case["tables_mb"] for room, case in found["scale"]["flows"].items()}
    low, high = min(flows), max(flows)
    place = (flows[high] - flows[low]) * 1e6 / (high - low)
    case = found["scale"]["documents"]["100_10"]
    room = min(flows, key=lambda each: abs(flows[each] - case["tables_mb"]))
    return Sizes(
        {key: float(found[key]) for key in WANTED}, place, case["maps_mb"], room, found["scale"]["documents"]
    )


def frames_per_second(gigabits: float, size: int) -> float:
    return gigabits * 1e9 / 8 / (size + BESIDE)


def cpus(gigabits: float, size: int, cost_ns: float, driver_ns: float) -> float:
    """So many, each busy for BUSY of its time."""
    return frames_per_second(gigabits, size) * (cost_ns + driver_ns) / 1e9 / BUSY


def processors(sizes: Sizes, driver_ns: float) -> str:
    head = "| bytes a frame | " + " | ".join(f"{link} Gbit/s" for link in LINKS) + " |"
    lines = [head, f"|---|{'---|' * len(LINKS)}"]
    for name, size in FRAMES.items():
        cells = []
        for link in LINKS:
            rate, need = frames_per_second(link, size), cpus(link, size, sizes.cost, driver_ns)
            cells.append(f"{rate / 1e6:.2f} million/s: {_whole(need)}")
        lines.append(f"| {name}, {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _whole(need: float) -> str:
    count = max(1, math.ceil(need))
    return f"{count} CPU{'s' if count > 1 else ''} ({need:.2f})"


def kinds(sizes: Sizes, driver_ns: float) -> str:
    """The same link and frames, by what the packets are."""
    size = FRAMES["acknowledgements"]
    lines = ["| packets | program | with the driver | one CPU, busy for 70 % | CPUs for 10 Gbit/s |"]
    lines.append("|---|---|---|---|---|")
    for key, name in (
        ("established_64k_ns", "of 65,536 established flows"),
        ("established_1m_ns", "of a million established flows"),
        ("new_flow_ns", "each of a new flow"),
        ("vlan_rewrite_ns", "from one VLAN to another"),
        ("vlan_push_ns", "untagged, into a VLAN"),
        ("tracked_established_1m_ns", "`track: full`, of a million flows"),
        ("tracked_new_flow_ns", "`track: full`, each of a new flow"),
    ):
        cost, total = sizes.costs[key], sizes.costs[key] + driver_ns
        rate, need = BUSY * 1e9 / total, cpus(10, size, cost, driver_ns)
        lines.append(f"| {name} | {cost:.0f} ns | {total:.0f} ns | {rate / 1e6:.1f} million/s | {need:.2f} |")
    return "\n".join(lines)


def memory(sizes: Sizes) -> str:
    """Of the kernel, for the maps. A place: one more established TCP flow of either family, with its share of
    the tables beside."""
    lines = ["| flows that are remembered at once, of each family | maps |", "|---|---|"]
    fixed = sizes.maps_mb - sizes.room * sizes.place_bytes / 1e6
    for room in (sizes.room, 1 << 20, 1 << 22):
        lines.append(f"| {room:,} | {fixed + room * sizes.place_bytes / 1e6:,.0f} MB |")
    lines += ["", f"A place takes {sizes.place_bytes:.0f} bytes; all the rest, for 100 services of 10 reals,"]
    lines += [f"{fixed:.0f} MB."]
    return "\n".join(lines)


def documents(sizes: Sizes) -> str:
    """What the configuration takes, each service with a table of its own."""
    lines = ["| services, reals of each | maps | vc5d | file | read | first apply | one real more |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, case in sizes.documents.items():
        services, reals = map(int, name.split("_"))
        memory_used = f"{case['maps_mb']:.0f} MB | {case['process_mb']:.0f} MB | {case['file_mb']:.1f} MB"
        times = " | ".join(f"{case[key]:.2f} s" for key in ("read_s", "first_s", "change_s"))
        lines.append(f"| {services:,}, {reals} | {memory_used} | {times} |")
    return "\n".join(lines)


def text(found: dict[str, Any], driver_ns: float) -> str:
    sizes = read(found)
    machine = f"{found.get('machine', '?')}, Linux {found.get('kernel', '?')}"
    return "\n\n".join(
        [
            f"Measured on {machine}: {sizes.cost:.0f} ns a packet of established flows. Assumed for the"
            f" network card's driver: {driver_ns:.0f} ns.",
            processors(sizes, driver_ns),
            "By what the packets are, at the smallest but one size:",
            kinds(sizes, driver_ns),
            "Memory of the kernel for the maps, which is never swapped out:",
            memory(sizes),
            documents(sizes),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.sizing", description=__doc__.partition("\n")[0])
    parser.add_argument("--driver-ns", type=float, default=DRIVER_NS, metavar="N")
    parser.add_argument("--page", type=Path, help="write it there, the chart beside it; else print it")
    options = parser.parse_args()
    found = report.read()
    try:
        said = text(found, options.driver_ns)
    except ValueError as error:
        print(f"sizing: {error}", file=sys.stderr)
        return 1
    if options.page:
        put(options.page, "figures", said)
        options.page.with_name("scale.svg").write_text(scale_chart.draw(found["scale"]))
    else:
        print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
