"""Stores in the order in which they are written down.

Packets run on other CPUs, and must not see a word that makes something reachable before that something.
x86-64 keeps the order of stores by itself; other machines (arm64) need a barrier, and Python has none of its
own.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable

# membarrier(2): a full barrier of the calling CPU, and nothing but that where no process asked for more.
_SYSCALL = {"x86_64": 324}
_GENERIC = 283  # in the table of every newer machine
_GLOBAL_EXPEDITED = 1 << 1


def _membarrier(machine: str) -> Callable[[], None]:
    libc, number = ctypes.CDLL(None, use_errno=True), _SYSCALL.get(machine, _GENERIC)

    def call() -> None:
        if libc.syscall(number, _GLOBAL_EXPEDITED, 0, 0):
            raise OSError(ctypes.get_errno(), "membarrier")

    return call


def _barrier_of(machine: str) -> Callable[[], None]:
    return (lambda: None) if machine == "x86_64" else _membarrier(machine)


stores_before: Callable[[], None] = _barrier_of(platform.machine())
"""What was stored before this call is seen before what is stored after it."""
