"""IPVS and this load balancer side by side in a virtual machine: `make ipvs` writes docs/ipvs.md's tables."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from vm.figures import put
from vm.host import BUILD, ROOT, VmError, say

PAGE = ROOT / "docs" / "ipvs.md"
ALONE, OURS, GENERIC, IPVS = "the wire alone", "VC5, native", "VC5, generic", "IPVS"
RELEASE = "trixie"


def find() -> dict[str, Any]:
    """Raises VmError when the virtual machine has no answer."""
    options = ["--release", RELEASE, "--timeout", "1800", ".venv/bin/python -m tests.ipvs"]
    found: dict[str, Any] = {}
    command = [sys.executable, "-m", "vm", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("{"):
                found = json.loads(line)
            else:
                print(line, end="", flush=True)
    if not found:
        raise VmError("the virtual machine did not say what it found")
    return found


def costs(found: dict[str, Any]) -> str:
    """In Markdown: the load balancer's own share of a frame's time, and the ratio."""
    lines = [
        f"Linux {found['kernel']}; nanoseconds of the virtual machine's clock, one an instruction, beyond"
        " what the wire itself takes:",
        "",
        "| packets | IPVS | VC5, native | VC5, generic | IPVS / native | IPVS / generic |",
        "|---|---|---|---|---|---|",
    ]
    for load, by_path in found["costs"].items():
        net = {name: cost - by_path[ALONE] for name, cost in by_path.items()}
        ratios = [f"{net[IPVS] / net[other]:.1f}" for other in (OURS, GENERIC)]
        numbers = [f"{net[name]:,.0f}" for name in (IPVS, OURS, GENERIC)]
        lines.append(f"| {load} | {' | '.join(numbers + ratios)} |")
    lines += ["", "The same as packets a second of one CPU, the wire's part included:", ""]
    lines += ["| packets | IPVS | VC5, native | VC5, generic | native / IPVS |", "|---|---|---|---|---|"]
    for load, by_path in found["costs"].items():
        rates = [f"{1e9 / by_path[name]:,.0f}" for name in (IPVS, OURS, GENERIC)]
        lines.append(f"| {load} | {' | '.join(rates)} | {by_path[IPVS] / by_path[OURS]:.1f} |")
    return "\n".join(lines)


def stories(found: dict[str, Any]) -> str:
    names, told = list(found["stories"]), found["stories"]
    steps = list(told[names[0]])
    lines = [f"| connections | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for step in steps:
        lines.append(f"| {step} | {' | '.join(str(told[name][step]) for name in names)} |")
    takers = found["take_over"]
    lines += [
        "",
        f"Another load balancer takes over {found['open']:,} open connections, knowing none of them:",
        "",
        f"| broken | {' | '.join(takers)} |",
        f"|---|{'---|' * len(takers)}",
        f"| the same reals | {' | '.join(str(same) for same, _ in takers.values())} |",
        f"| a real was added meanwhile | {' | '.join(str(more) for _, more in takers.values())} |",
    ]
    return "\n".join(lines)


def main() -> int:
    try:
        found = find()
    except VmError as error:
        print(f"ipvs: {error}", file=sys.stderr)
        return 2
    (BUILD.parent / "ipvs.json").write_text(json.dumps(found, indent=2) + "\n")
    for name, text in (("costs", costs(found)), ("connections", stories(found))):
        put(PAGE, name, text)
        print(text, end="\n\n")
    say(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
