"""What the XDP program costs to load: python -m tests.bpf.cost [OBJECT]

Needs root. Instructions as they run, after the verifier has taken out what is dead; bytes of machine code;
and the instructions that the verifier had to look at, of which the kernel allows a million. To see growth by.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from vc5d.errors import Vc5Error
from vc5d.xdp.libbpf import check, library

from .kernel import Kernel

OBJECT = Path(__file__).parents[2] / "build" / "vc5.bpf.o"
# Of struct bpf_prog_info (uapi/linux/bpf.h): where jited_prog_len, xlated_prog_len and verified_insns are.
INFO_BYTES, LENGTHS_AT, VERIFIED_AT = 224, 16, 216
INSTRUCTION_BYTES = 8


@dataclass(frozen=True)
class Cost:
    instructions: int
    machine_code: int  # bytes
    verified: int


def cost(path: Path, tracing: bool = False) -> Cost:
    """Of the program with all its functions."""
    kernel = Kernel(path, tracing=tracing)
    info, length = ctypes.create_string_buffer(INFO_BYTES), ctypes.c_uint32(INFO_BYTES)
    try:
        found = library().bpf_obj_get_info_by_fd(kernel.prog_fd, ctypes.byref(info), ctypes.byref(length))
        check(found, "the program's facts cannot be read")
    finally:
        kernel.close()
    jited, translated = struct.unpack_from("<II", info, LENGTHS_AT)
    (verified,) = struct.unpack_from("<I", info, VERIFIED_AT)
    return Cost(translated // INSTRUCTION_BYTES, jited, verified)


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else OBJECT
    try:
        for tracing, name in ((False, path.name), (True, f"{path.name}, tracing")):
            found = cost(path, tracing)
            print(
                f"{name}: {found.instructions} instructions, {found.machine_code} bytes of machine code,"
                f" verified {found.verified}"
            )
    except Vc5Error as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
