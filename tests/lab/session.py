"""How a command with a lab begins and ends: alone, and without a trace even when it is interrupted."""

from __future__ import annotations

import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from lab import cleanup
from lab.host import run
from lab.plan import Names

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interruptible() -> None:
    """From here on whatever tells the process to end raises KeyboardInterrupt."""
    for number in _NUMBERS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def uninterruptible() -> None:
    """Whatever comes now must not stop half-way."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def alone(names: Names) -> Iterator[bool]:
    """No other lab of this name runs or was left up."""
    with names.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"lab: {names.lab} is running already", file=sys.stderr)
            yield False
            return
        if cleanup.namespaces_of(names):
            print(f"lab: a lab {names.lab} was left up; remove it with `make clean-lab`", file=sys.stderr)
            yield False
            return
        yield True


def prepare_host() -> None:
    """What systemd and udev do at boot, and a container or a smaller host may not have done."""
    if not Path("/dev/net/tun").exists() and shutil.which("modprobe"):
        run(["modprobe", "tun"])
    if run(["stat", "--file-system", "--format=%T", "/sys/fs/bpf"]).strip() != "bpf_fs":
        run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"])


def show_logs(names: Names) -> None:
    """The daemons' last words, which go with the lab."""
    for log in sorted(names.state.glob("*/vc5d.log")):
        print(
            f"\n{log}:\n  " + "\n  ".join(log.read_text(errors="replace").splitlines()[-12:]), file=sys.stderr
        )
