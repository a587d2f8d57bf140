"""The live proof in small, seconds of it; the whole is `make live`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .live.stories import Place, changes, flood

pytestmark = pytest.mark.bpf

BPFFS = Path("/sys/fs/bpf")


@pytest.fixture
def place(bpf_object: Path, tmp_path: Path) -> Iterator[Place]:
    if os.geteuid() != 0:
        pytest.skip("loading a BPF program needs root")
    if not os.path.ismount(BPFFS):
        pytest.skip(f"{BPFFS} is no BPF file system")
    pins = BPFFS / f"vc5-livetest-{os.getpid()}"
    yield Place(bpf_object, pins, tmp_path)
    if pins.exists():
        for pin in pins.iterdir():
            pin.unlink()
        pins.rmdir()


def alone(story: Callable[[], None]) -> None:
    """In a thread, whose network namespace ends with it."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(story).result()


def test_changes_lose_no_packet(place: Place) -> None:
    alone(lambda: changes(place, 100_000, 20, 200, print))


def test_a_flood_breaks_no_flow(place: Place) -> None:
    alone(lambda: flood(place, 60_000, 0, print))
