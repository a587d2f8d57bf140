"""Each host's own control group: systemd takes all processes of the one that it is in for its own."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from lab.plan import Names


def cgroups_of(names: Names, host: str) -> list[Path]:
    """Made if they are not there: one per hierarchy that systemd uses, of which this machine may have two."""
    made = [directory / host for directory in _of_lab(names)]
    for each in made:
        each.mkdir(parents=True, exist_ok=True)
    return made


def existing(names: Names) -> list[Path]:
    return [directory for directory in _of_lab(names) if directory.is_dir()]


def pids(names: Names) -> list[int]:
    """All that run in them."""
    files = [file for directory in existing(names) for file in directory.rglob("cgroup.procs")]
    return sorted({int(line) for file in files for line in file.read_text().split() if line != "0"})


def leader(names: Names, host: str) -> int:
    """The host's first process, as this machine numbers it; 0: there is none."""
    for directory in existing(names):
        for file in (directory / host).rglob("cgroup.procs"):
            for pid in file.read_text().split():
                if _number_inside(pid) == "1":
                    return int(pid)
    return 0


def _number_inside(pid: str) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:") and len(line.split()) > 2:
                return line.split()[-1]
    return ""


def remove(names: Names) -> None:
    """Nothing runs in them any more; the kernel may need a moment to see that."""
    end = time.monotonic() + 5
    while left := [each for top in existing(names) for each in (top, *_below(top))]:
        for each in sorted(left, key=lambda path: -len(path.parts)):
            try:
                each.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


def _below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_dir()]


def _of_lab(names: Names) -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = []
    for words in mounts:
        kind, options = words[words.index("-") + 1], words[-1]
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(words[4]) / names.lab)
    return found
