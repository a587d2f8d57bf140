"""The few things the lab does to the host: run a command, enter a namespace, keep a process, wait."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab could not be built or does not behave; the message is for a person."""


def run(command: Sequence[str | Path], *, stdin: str | None = None, netns: str = "") -> str:
    """Run to its end and return what it printed. Raises LabError with the command and its last words."""
    words = [*_enter(netns), *map(str, command)]
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"`{' '.join(map(str, command))}` failed with {done.returncode}: {said}")
    return done.stdout


def _enter(netns: str) -> list[str]:
    # Not `ip netns exec`: that mounts /sys anew, and the new one has no bpffs.
    return ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """This thread's sockets are made in the namespace; a socket stays in the one that it was made in."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/run/netns/{netns}").open("rb") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


@dataclass
class Process:
    """A process of the lab that runs until it is told to stop."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send one signal; wait for the end if it is one that ends."""
        if self.alive():
            self.popen.send_signal(number)
        if number != signal.SIGHUP:
            self.popen.wait(timeout=10)

    def stop(self) -> None:
        """By SIGTERM; by SIGKILL when that is not obeyed."""
        with suppress(subprocess.TimeoutExpired):
            self.kill(signal.SIGTERM)
            return
        self.kill()

    def last_words(self, lines: int = 8) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def start(name: str, command: Sequence[str | Path], log: Path, netns: str) -> Process:
    """Start in a namespace, in a session of its own, so that a Ctrl-C at the terminal does not reach it."""
    with log.open("ab") as out:
        popen = subprocess.Popen(
            [*_enter(netns), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(name, popen, log)


def wait_until(what: str, ready: Callable[[], bool], timeout: float, every: float = 0.02) -> float:
    """Seconds until `ready` says so. Raises LabError naming what did not come about."""
    begin = time.monotonic()
    while not ready():
        if time.monotonic() - begin > timeout:
            raise LabError(f"{what}: not within {timeout:g} s")
        time.sleep(every)
    return time.monotonic() - begin
