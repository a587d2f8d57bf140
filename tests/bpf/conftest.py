"""The program under test, loaded once; tests that need it say why they are skipped where it cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d.program import Program

from .pair import Pair
from .place import CAPACITY

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "bpf"
OBJECT = ROOT / "build" / "vc5.bpf.o"


@pytest.fixture(scope="session")
def bpf_object() -> Path:
    """The built object; it must be of these sources."""
    if not OBJECT.exists():
        pytest.skip(f"{OBJECT.relative_to(ROOT)} is not built: run `make build`")
    newer = [path.name for path in SOURCES.glob("*.[ch]") if path.stat().st_mtime > OBJECT.stat().st_mtime]
    if newer:
        pytest.fail(f"{OBJECT.relative_to(ROOT)} is older than {', '.join(newer)}: run `make build`")
    return OBJECT


@pytest.fixture(scope="session")
def program(bpf_object: Path) -> Iterator[Program]:
    if os.geteuid() != 0:
        pytest.skip("loading a BPF program needs root")
    loaded = Program.load(bpf_object, CAPACITY)
    yield loaded
    loaded.close()


@pytest.fixture
def pair(program: Program) -> Pair:
    """The program beside the model, both without a document."""
    return Pair(program)
