"""Telling the service manager how it goes: sd_notify(3), the few lines of it that are needed."""

from __future__ import annotations

import os
import socket
import time
from array import array
from collections.abc import Sequence


def notify(*assignments: str, descriptors: Sequence[int] = ()) -> bool:
    """Send `KEY=value` assignments, and perhaps descriptors, to the service manager, if one is listening
    ($NOTIFY_SOCKET). Whether they were sent."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendmsg(["\n".join(assignments).encode()], beside, 0, address)
    except OSError:
        return False  # a manager that is gone must not take the daemon with it
    return True


def ready() -> None:
    notify("READY=1")


def reloading() -> None:
    """Type=notify-reload wants the time beside it, to tell this reload from the one before."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    notify("STOPPING=1")


def alive() -> None:
    """Feeds the watchdog; harmless without one."""
    if "WATCHDOG_USEC" in os.environ:
        notify("WATCHDOG=1")
