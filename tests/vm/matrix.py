"""Every kernel with every compiler: `make matrix` writes the table of docs/kernels.md.

The object is built here by each of COMPILERS; the same files are then loaded on this machine's kernel and, in
virtual machines, on Debian's.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from typing import Any

from vm.figures import put
from vm.host import ROOT, VmError, run, say
from vm.sources import RELEASES

COMPILERS = ("clang-14", "clang-16", "clang-19")
OBJECTS = ROOT / "build" / "matrix"
PAGE = ROOT / "docs" / "kernels.md"
_LOOK = ".venv/bin/python -m tests.kernels.matrix"


def build() -> list[str]:
    """Paths of the objects, relative to the project. Raises VmError."""
    made = []
    for compiler in COMPILERS:
        if shutil.which(compiler) is None:
            raise VmError(f"missing: {compiler}\n  as root: apt-get install {' '.join(COMPILERS)}")
        path = f"build/matrix/{compiler}/vc5.bpf.o"
        run(["make", "-C", ROOT, f"CLANG={compiler}", f"OBJECT={path}", path])
        made.append(path)
    return made


def look(objects: list[str], command: list[str]) -> list[dict[str, Any]]:
    """What `command` and the objects' names print, line by line. Raises VmError when one has no answer."""
    found = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            found += [json.loads(line)] if line.startswith("{") else []
    if len(found) != len(objects):
        raise VmError(f"`{' '.join(command)}` told of {len(found)} of {len(objects)} objects")
    return found


def everywhere(objects: list[str]) -> list[dict[str, Any]]:
    words = f"{_LOOK} {' '.join(objects)}"
    found = look(objects, words.split())
    for release in RELEASES:
        options = ["--release", release, "--with", "build/matrix", "--timeout", "1800"]
        found += look(objects, [sys.executable, "-m", "vm", *options, words])
    return found


def table(found: list[dict[str, Any]]) -> str:
    """In Markdown, a row for each kernel and compiler."""
    lines = [
        "| kernel | compiler | loads | instructions | machine code | verified | … tracing | frames alike |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in found:
        name = f"{cell['kernel']}{' (build machine)' if cell['kernel'] == platform.release() else ''}"
        start = f"| {name} | {cell['compiler'].replace('-', ' ')}"
        if "refused" in cell:
            lines.append(f"{start} | no: {cell['refused'].splitlines()[0]} | | | | | |")
            continue
        plain, total = cell["plain"], sum(cell["frames"].values())
        said = f"{cell['frames'].get('alike', 0):,} of {total:,}"
        lines.append(
            f"{start} | yes | {plain['instructions']:,} | {plain['machine_code']:,} bytes"
            f" | {plain['verified']:,} | {cell['tracing']['verified']:,} | {said} |"
        )
    return "\n".join(lines)


def main() -> int:
    try:
        found = everywhere(build())
    except VmError as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2
    OBJECTS.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")
    put(PAGE, "matrix", table(found))
    say(f"written: {PAGE.relative_to(ROOT)}")
    good = all(set(cell.get("frames", {"refused": 1})) == {"alike"} for cell in found)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
