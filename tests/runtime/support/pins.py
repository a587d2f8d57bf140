"""A directory for the pins of a test that loads the program; it is gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

OBJECT = Path(__file__).parents[3] / "build" / "vc5.bpf.o"
BPFFS = Path("/sys/fs/bpf")


def directory(name: str) -> Iterator[Path]:
    """The body of a fixture. `name`: tells one file's pins from another's. Nothing is there yet."""
    if os.geteuid() != 0:
        pytest.skip("loading a BPF program needs root")
    if not OBJECT.exists():
        pytest.skip(f"{OBJECT.name} is not built: run `make build`")
    if not os.path.ismount(BPFFS):
        pytest.skip(f"{BPFFS} is no BPF file system")
    path = BPFFS / f"vc5-{name}-{os.getpid()}"
    yield path
    if path.exists():
        for pin in path.iterdir():
            pin.unlink()
        path.rmdir()
