"""Remove every trace of a lab, also of one that was killed: all of it is found by the lab's name."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from lab.host import run
from lab.plan import Names


def clean(names: Names) -> list[str]:
    """What was removed, in words. Raises nothing for what is already gone."""
    removed = []
    namespaces = namespaces_of(names)
    pids = processes_of(names)
    end(pids)
    if pids:
        removed.append(f"{len(pids)} processes")
    for netns in namespaces:
        run(["ip", "netns", "del", netns])
    if namespaces:
        removed.append(f"{len(namespaces)} namespaces")
    for what, path in (("pins", names.pins), ("files", names.state)):
        if path.exists():
            shutil.rmtree(path)
            removed.append(f"{what} in {path}")
    names.lock.unlink(missing_ok=True)
    return removed


def traces(names: Names) -> list[str]:
    """What of a lab is there, one line each."""
    found = [f"namespace {netns}" for netns in namespaces_of(names)]
    found += [f"process {pid}" for pid in processes_of(names)]
    found += [
        f"{what} {path}" for what, path in (("pins", names.pins), ("files", names.state)) if path.exists()
    ]
    return found


def namespaces_of(names: Names) -> list[str]:
    directory = Path("/run/netns")
    if not directory.is_dir():
        return []
    return sorted(path.name for path in directory.iterdir() if path.name.startswith(names.lab + "-"))


def processes_of(names: Names) -> list[int]:
    """Whatever runs in the lab's namespaces; they are the lab's, so it is too."""
    return [int(pid) for netns in namespaces_of(names) for pid in run(["ip", "netns", "pids", netns]).split()]


def end(pids: list[int]) -> None:
    """At once: nothing in a lab is worth a tidy end, and its files go with it."""
    for pid in pids:
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        _reap()
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    """A zombie has ended: its parent may be anyone's."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
