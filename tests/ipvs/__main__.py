"""IPVS beside this load balancer on this kernel: python -m tests.ipvs

Needs root, ipvsadm, a kernel with ip_vs, ip_vs_mh and dummy, and what `make build` makes. Prints what was
found as one line of JSON. `make ipvs` runs this in a virtual machine and writes the tables of docs/ipvs.md.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vc5d.errors import Vc5Error

from tests.ipvs import speed, story
from tests.ipvs.balancers import Ipvs, Ours
from tests.ipvs.wire import Wire, build


def timed(built: Path, folder: Path) -> dict[str, dict[str, float]]:
    return speed.measure(Wire(built), folder)


def find(folder: Path) -> dict[str, Any]:
    built = build(folder)
    with ThreadPoolExecutor(1) as thread:
        costs = thread.submit(timed, built, folder).result()
    both = (lambda: Ours(folder)), Ipvs
    takers = (lambda: Ours(folder)), Ipvs, (lambda: Ipvs(sloppy=True))
    return {
        "kernel": platform.release(),
        "costs": costs,
        "stories": {told.name: told.steps for told in (story.tell(make, built) for make in both)},
        "take_over": {
            name: [same, more] for name, same, more in (story.take_over(make, built) for make in takers)
        },
        "open": story.OPEN,
    }


def main() -> int:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(find(Path(folder))), flush=True)
    except (OSError, RuntimeError, Vc5Error) as error:
        print(f"ipvs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
