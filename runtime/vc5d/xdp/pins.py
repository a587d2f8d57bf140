"""Pins: a set of maps and a program, put in the place of another so that whoever is killed in between leaves
a whole one.

Every map is pinned as `new_NAME` first, the program last of all; only then are the names moved into place.
While `program` is there the set under the plain names is whole; while only `new_program` is there the new set
is, with what was moved already.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import Vc5Error
from . import bpf

PROGRAM = "program"
NEW = "new_"
LINK = "link_"  # of a link: link.py's


def replace(directory: Path, maps: Mapping[str, int], program: int) -> None:
    """Pins descriptors by name, in place of what is pinned there. Raises Vc5Error, and then that is still
    there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _discard(directory)
    try:
        for name, fd in {**maps, PROGRAM: program}.items():
            bpf.pin(fd, directory / f"{NEW}{name}")
    except Vc5Error:
        _discard(directory)
        raise
    (directory / PROGRAM).unlink(missing_ok=True)
    _move(directory)
    for pin in directory.iterdir():  # of another layout's maps
        if pin.name not in maps and pin.name != PROGRAM and not pin.name.startswith(LINK):
            pin.unlink()


def mend(directory: Path) -> None:
    """After a kill: ends what was begun, if it can be, else undoes it."""
    if (directory / PROGRAM).exists():
        _discard(directory)
    elif (directory / f"{NEW}{PROGRAM}").exists():
        _move(directory)


def clear(directory: Path) -> None:
    """Removes all that is pinned there, the program first, and the directory, unless something is mounted on
    it: so it is where vc5d sees no other part of the BPF file system. Raises OSError."""
    (directory / PROGRAM).unlink(missing_ok=True)
    for pin in directory.iterdir():
        pin.unlink()
    try:
        directory.rmdir()
    except OSError as failure:
        if failure.errno != errno.EBUSY:
            raise


def are_there(directory: Path, maps: Iterable[str]) -> bool:
    """Whether program and maps are all pinned."""
    return all((directory / name).exists() for name in (PROGRAM, *maps))


def layout(directory: Path) -> int:
    """The layout of the maps that are pinned there; 0: there are none."""
    path = directory / "control"
    if not path.exists():
        return 0
    control = bpf.Map.open_pinned(path)
    try:
        return int.from_bytes(control.read(bytes(4))[:4], "little")
    finally:
        control.close()


def _move(directory: Path) -> None:
    pending = sorted(directory.glob(f"{NEW}*"), key=lambda pin: pin.name == f"{NEW}{PROGRAM}")
    for pin in pending:
        pin.rename(directory / pin.name.removeprefix(NEW))


def _discard(directory: Path) -> None:
    for pin in directory.glob(f"{NEW}*"):
        pin.unlink()
