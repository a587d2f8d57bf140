"""How much stack the program's calls take at their deepest, as a kernel counts it.

Linux 6.1 rounds each function's part up to 32 bytes, newer kernels to 16: what these take, 6.1 may refuse.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

MOST = 512  # MAX_BPF_STACK
OLD, NEW = 32, 16  # bytes that a function's part is rounded up to

_FUNCTION = re.compile(r"([0-9a-f]+) <(\w+)>:$")
_SECTION = re.compile(r"Disassembly of section (\S+):$")
_BELOW = re.compile(r"r10 - (0x[0-9a-f]+|\d+)")  # an access below the frame pointer
_MOVED = re.compile(r"\s+\d+:\s+07 0\d 00 00 (..) ff ff ff\s")  # a pointer into the frame: -256 … -1 added
_CALL = re.compile(r"\s+(\d+):\s+85 10 00 00 (..) (..) (..) (..)\s")  # of a function of the program's own
_TARGET = re.compile(r"R_BPF_64_32\s+(\S+)")


@dataclass
class Function:
    section: str
    at: int  # instruction in the section
    bytes: int = 0
    calls: list[tuple[int, str]] = field(default_factory=list)  # distance, and from where: @INSTRUCTION, name


def read(path: Path) -> dict[str, Function]:
    """The object's functions, as llvm-objdump has them."""
    command = ["llvm-objdump", "--disassemble", "--reloc", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Function] = {}
    section, current = "", Function("", 0)
    for line in text.splitlines():
        if match := _SECTION.match(line):
            section = match[1]
        elif match := _FUNCTION.match(line):
            if not match[2].startswith("LBB"):
                current = found[match[2]] = Function(section, int(match[1], 16) // 8)
        elif match := _TARGET.search(line):
            if current.calls:
                current.calls[-1] = (current.calls[-1][0], match[1])
        else:
            _take(current, line)
    return found


def _take(function: Function, line: str) -> None:
    for below in _BELOW.findall(line):
        function.bytes = max(function.bytes, int(below, 0))
    if match := _MOVED.match(line):
        function.bytes = max(function.bytes, 256 - int(match[1], 16))
    if match := _CALL.match(line):
        offset = int.from_bytes(bytes.fromhex("".join(match.groups()[1:])), "little", signed=True)
        # Within the section from here; where a target is told on the next line, from its section's beginning.
        function.calls.append((offset + 1, f"@{int(match[1])}"))


def deepest(functions: dict[str, Function], name: str, unit: int) -> tuple[int, list[str]]:
    """Bytes, and the calls that take them."""
    own = functions[name]
    places = {(each.section, each.at): key for key, each in functions.items()}
    called = set()
    for number, target in own.calls:
        if target.startswith("@"):
            called.add(places[own.section, number + int(target[1:])])
        else:
            called.add(target if target in functions else places[target, number])
    most, way = max((deepest(functions, each, unit) for each in called), default=(0, []))
    return most + -(-max(own.bytes, 1) // unit) * unit, [f"{name} {own.bytes}", *way]
