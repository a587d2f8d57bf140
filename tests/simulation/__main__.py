"""python -m tests.simulation: the whole year; writes build/simulation.json, and from it docs/simulation.svg
and the tables of docs/failover.md. --draw: only the latter, from what a run has found. --small: a minute,
and nothing in docs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.bench import report

from . import drawing, figures
from .run import Found, everything
from .year import Rates, Size

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "simulation.json"
SMALL = Size(balancers=16, services=2, flows=20_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    if not arguments.draw:
        size, begin = SMALL if arguments.small else Size(), time.monotonic()

        def tell(done: int, found: Found) -> None:
            print(f"\r{done} of {size.services} services", end="", flush=True)
            if not arguments.small:  # what is done is not lost
                FOUND.parent.mkdir(exist_ok=True)
                FOUND.write_text(json.dumps(figures.summary(replace(size, services=done), found)) + "\n")

        found = everything(size, Rates(), tell)
        print(f", {time.monotonic() - begin:.0f} s on {report.cpu_model()}")
        written = figures.summary(size, found)
        print(figures.per_event(written))
        if arguments.small:
            return 0
    try:
        written = json.loads(FOUND.read_text())
    except FileNotFoundError:
        print(f"simulation: {FOUND} is not there: make simulate", file=sys.stderr)
        return 1
    (ROOT / "docs" / "simulation.svg").write_text(drawing.bars(written))
    figures.put_into(ROOT / "docs" / "failover.md", written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
