"""The stack of calls fits into what Linux 6.1 has: seen without one, since newer kernels take more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .stack import MOST, NEW, OLD, deepest, read


def test_calls_at_their_deepest(bpf_object: Path) -> None:
    if shutil.which("llvm-objdump") is None:
        pytest.skip("needs llvm-objdump: apt-get install llvm")
    functions = read(bpf_object)
    assert {"vc5", "look_closer", "track"} <= set(functions)
    most, way = deepest(functions, "vc5", OLD)
    assert most <= MOST, f"Linux 6.1 refuses it: {most} bytes by {', '.join(way)}"
    assert deepest(functions, "vc5", NEW)[0] <= most
