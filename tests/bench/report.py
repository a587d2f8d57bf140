"""build/bench.json: what each benchmark found, side by side; one that runs again replaces its own part."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "build" / "bench.json"


def read() -> dict[str, Any]:
    """What is there so far."""
    try:
        found = json.loads(PATH.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update(**parts: Any) -> None:
    """Replace these keys, and leave the others as they are."""
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(read() | parts, indent=2) + "\n")


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )
