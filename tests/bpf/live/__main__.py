"""The whole live proof: python -m tests.bpf.live, some minutes; needs root and a BPF file system."""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .stories import LIFETIME, Place, changes, flood

OBJECT = Path(__file__).parents[3] / "build" / "vc5.bpf.o"


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    pins = Path(f"/sys/fs/bpf/vc5-live-{os.getpid()}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Place(OBJECT, pins, Path(folder))
        for story in (
            lambda: changes(place, 2_000_000, 1000, 10_000, say),
            lambda: flood(place, 1_000_000, 2 * LIFETIME, say),
        ):
            try:
                with ThreadPoolExecutor(1) as thread:  # a network namespace of its own, which ends with it
                    thread.submit(story).result()
            except AssertionError as difference:
                print(f"live: {difference}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
