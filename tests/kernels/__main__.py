"""Run the sections (all, or those named) on this machine's kernel: python -m tests.kernels [--quick] [NAME…]

Needs root and what `make build` makes. Prints a table of what ran, and why what was skipped was; exit code 1
when a test failed. `make vmtest` runs this in virtual machines.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kernels.sections import SECTIONS, Section
from tests.kernels.table import Outcome, read_outcome, table

ROOT = Path(__file__).parents[2]
AGED = 130  # seconds


def run(section: Section) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.xml"
        options = ["-q", "-p", "no:cacheprovider", f"--junitxml={found}"]
        begin = time.monotonic()
        subprocess.run([sys.executable, "-m", "pytest", *options, *section.tests], cwd=ROOT, check=False)
        return read_outcome(section, found, time.monotonic() - begin)


def old_enough() -> None:
    """Tests age flows by two minutes at most: the machine must have been up for as long."""
    time.sleep(max(0, AGED - time.clock_gettime(time.CLOCK_BOOTTIME)))


def clang() -> str:
    """What this tree's object was built with."""
    said = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0] or "no clang"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.kernels", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only what is short enough for CI")
    parser.add_argument("names", nargs="*", choices=[*(each.name for each in SECTIONS), []], metavar="NAME")
    options = parser.parse_args()
    wanted = [
        each
        for each in SECTIONS
        if (each.name in options.names if options.names else each.quick or not options.quick)
    ]
    outcomes = []
    for section in wanted:
        print(f"\n== {section.name}: {section.what}", flush=True)
        if section.ages:
            old_enough()
        outcomes.append(run(section))
    left = [each.name for each in SECTIONS if each not in wanted]
    print(
        f"\nLinux {platform.release()}, {os.cpu_count()} CPUs, {clang()}, Python {platform.python_version()}"
    )
    print(table(outcomes, left), flush=True)
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
