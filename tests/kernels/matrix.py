"""Does each of these objects load on this kernel, at what cost, and does it forward as the model says?

python -m tests.kernels.matrix OBJECT…: needs root and what `make build` makes. A line of JSON for each.
`make matrix` (tests/vm/matrix.py) asks this of every kernel.
"""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vc5d.errors import Vc5Error

from tests.bpf.cases import Case
from tests.bpf.cost import cost
from tests.bpf.kernel import Kernel, one_cpu
from tests.bpf.pair import Pair
from tests.bpf.test_forward import CASES, meet


def frames(path: Path) -> dict[str, int]:
    """Every frame of the cases in tests/bpf, sent to the program and to the model: how many came out alike.
    Not one by one from the beginning, as the tests do, but one after the other for each setting."""
    pair, found = Pair(Kernel(path), one_cpu()), Counter[str]()
    settings: dict[Any, list[Case]] = {}
    for case in CASES:
        setting = (case.vlan, case.ifindex, case.vlans, case.down, case.own)
        settings.setdefault(setting, []).append(case)
    for cases in settings.values():
        meet(pair, cases[0])
        for case in cases:
            try:
                pair.send(case.frame)
                found["alike"] += 1
            except AssertionError as difference:
                print(f"{case.name}: {difference}", file=sys.stderr)
                found["other"] += 1
    return dict(found)


def look(path: Path) -> dict[str, Any]:
    """path: …/COMPILER/vc5.bpf.o"""
    found: dict[str, Any] = {"kernel": platform.release(), "compiler": path.parent.name}
    try:
        found["plain"] = asdict(cost(path))
        found["tracing"] = asdict(cost(path, tracing=True))
    except Vc5Error as error:
        return found | {"refused": str(error)}
    return found | {"frames": frames(path)}


def main() -> int:
    for name in sys.argv[1:]:
        print(json.dumps(look(Path(name))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
