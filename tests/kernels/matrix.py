"""Does each of these objects load on this kernel, at what cost, and does it forward as the model says?

python -m tests.kernels.matrix OBJECT…: needs root and what `make build` makes. A line of JSON for each.
`make matrix` (tests/vm/matrix.py) asks this of every kernel.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vc5d.errors import Vc5Error

from tests.bpf.cost import cost

ROOT = Path(__file__).parents[2]
# The state table row by row, and ICMP with its checksums and inner packets: what a compiler may get wrong.
# All packets, with each release's own compiler: `make vmtest`.
TESTS = ("tests/bpf/test_track.py", "tests/bpf/test_icmp.py")


def look(path: Path) -> dict[str, Any]:
    """path: …/COMPILER/vc5.bpf.o"""
    found: dict[str, Any] = {"kernel": platform.release(), "compiler": path.parent.name}
    try:
        found["plain"] = asdict(cost(path))
        found["tracing"] = asdict(cost(path, tracing=True))
    except Vc5Error as error:
        return found | {"refused": str(error)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "VC5_OBJECT": str(path.resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    numbers = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last)}
    return found | {"tests": numbers}


def main() -> int:
    for name in sys.argv[1:]:
        print(json.dumps(look(Path(name))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
