"""Pins, killed at every step of being replaced: the next start finds the old set or the new one, whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pins import BPFFS, OBJECT, directory
from vc5d.errors import Vc5Error
from vc5d.xdp import bpf, pins
from vc5d.xdp.maps import SHARED, Capacity
from vc5d.xdp.program import Program

pytestmark = pytest.mark.bpf

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 1024)
OLD, NEW = 111, 222


class Killed(BaseException):
    """Nobody handles it."""


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Program, Program]]:
    """An old program and a new one, told apart by a word in `slots` and in `control`."""
    if os.geteuid() != 0 or not OBJECT.exists() or not os.path.ismount(BPFFS):
        pytest.skip("needs root, the built object and a BPF file system")
    programs = (Program.load(OBJECT, CAPACITY), Program.load(OBJECT, CAPACITY))
    for program, mark in zip(programs, (OLD, NEW), strict=True):
        program.maps.slots[0] = mark
        program.maps.control["echoes"] = mark
    yield programs
    for program in programs:
        program.close()


@pytest.fixture
def pin_dir() -> Iterator[Path]:
    yield from directory("pintest")


def marks(pin_dir: Path) -> tuple[int, int] | None:
    """Of the set that a start finds; None: there is none."""
    found = Program.open_pinned(pin_dir)
    if found is None:
        return None
    seen = int(found.maps.slots[0]), int(found.maps.control["echoes"][0])
    found.close()
    return seen


def cut(monkeypatch: pytest.MonkeyPatch, calls: int, failure: Callable[[], BaseException]) -> None:
    """The call of that number, of those that change pins, does not happen."""
    left = [calls]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise failure()
            return call(*arguments, **named)

        return made

    monkeypatch.setattr(bpf, "pin", counted(bpf.pin))
    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))


def test_killed_anywhere(
    two: tuple[Program, Program], pin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = two
    found = []
    for calls in range(1000):
        old.pin(pin_dir)
        try:
            with monkeypatch.context() as killing:
                cut(killing, calls, Killed)
                new.pin(pin_dir)
        except Killed:
            found.append(marks(pin_dir))
            assert marks(pin_dir) == found[-1], "and a start after that"
            continue
        break
    assert marks(pin_dir) == (NEW, NEW)
    assert set(found) == {(OLD, OLD), (NEW, NEW)}
    assert found == sorted(found, key=lambda mark: mark == (NEW, NEW)), "from the one to the other"
    assert len(found) > 2 * len(SHARED)
    assert not list(pin_dir.glob("new_*"))


def test_no_room_for_pins(
    two: tuple[Program, Program], pin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old set stays, and nothing of the new one."""
    old, new = two
    old.pin(pin_dir)
    with monkeypatch.context() as failing:
        cut(failing, 9, lambda: Vc5Error("no space left on device"))
        with pytest.raises(Vc5Error, match="no space"):
            new.pin(pin_dir)
    assert marks(pin_dir) == (OLD, OLD)


def test_what_another_layout_left_goes(two: tuple[Program, Program], pin_dir: Path) -> None:
    old, new = two
    old.pin(pin_dir)
    (pin_dir / "slots").rename(pin_dir / "displacements4")
    (pin_dir / "reasons").rename(pin_dir / "link_eth0")  # a link, as far as its name says
    new.pin(pin_dir)
    assert {pin.name for pin in pin_dir.iterdir()} == {*SHARED, pins.PROGRAM, "link_eth0"}


def test_no_memory_for_maps(two: tuple[Program, Program]) -> None:
    """One clear line, whatever libbpf has to say."""
    huge = Capacity(64, 64, 8, 1 << 31, 256, 16, 64, 1024, 1024)
    with pytest.raises(Vc5Error, match=r"^there is no memory for the map slots: Cannot allocate memory\n"):
        Program.load(OBJECT, huge)


@pytest.mark.parametrize("bound", [False, True])
def test_cleared_also_where_the_unit_has_bound_the_directory(
    two: tuple[Program, Program], pin_dir: Path, tmp_path: Path, bound: bool
) -> None:
    """What is mounted on cannot be removed; a failed start must not end with that."""
    program, _ = two
    pins.replace(pin_dir, program.shared(), program.prog_fd)
    seen = tmp_path / "bpf" if bound else pin_dir
    if bound:
        seen.mkdir()
        subprocess.run(["mount", "--bind", pin_dir, seen], check=True)
    try:
        pins.clear(seen)
        assert not bound or list(seen.iterdir()) == []
    finally:
        if bound:
            subprocess.run(["umount", seen], check=True)
    assert pin_dir.exists() == bound
