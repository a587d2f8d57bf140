"""systemd's file descriptor store: one descriptor handed from a vc5d to the next (sd_notify(3),
sd_listen_fds(3)).

Only for a planned restart: left in the store, the TUN device would outlive a crash, and VIPs would stay
announced that nobody checks. So it is put there at the end, and taken out first thing at the start.
"""

from __future__ import annotations

import os
import select
from collections.abc import MutableMapping

from .notify import notify

_FIRST = 3  # SD_LISTEN_FDS_START
_BARRIER = 5.0  # s for systemd to have read what it was sent


def take(name: str, environment: MutableMapping[str, str] = os.environ) -> int | None:
    """The descriptor of that name, no longer in the store; the caller's from now on. Others that came along
    are closed."""
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    count = environment.pop("LISTEN_FDS", "")
    if environment.pop("LISTEN_PID", "") != str(os.getpid()) or not count.isdecimal():
        return None
    found = None
    for descriptor, each in zip(range(_FIRST, _FIRST + int(count)), names, strict=False):
        if each == name and found is None:
            found = descriptor
            os.set_inheritable(descriptor, False)
        else:
            os.close(descriptor)
        notify("FDSTOREREMOVE=1", f"FDNAME={each}")
    return found


def put(name: str, descriptor: int) -> bool:
    """Into the store. True once systemd has read that; it does not say whether it agreed (handover.py asks).
    Blocks for some milliseconds, at most 5 s. FDPOLL=0: without it systemd drops a descriptor that it finds
    readable or hung up."""
    if not notify("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", descriptors=(descriptor,)):
        return False
    return barrier()


def barrier() -> bool:
    """True when systemd has read all that was sent before: it closes the descriptor that it is sent."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    try:
        sent = notify("BARRIER=1", descriptors=(theirs,))
        os.close(theirs)
        theirs = -1
        waiting = select.poll()
        waiting.register(ours, 0)
        return sent and any(event & select.POLLHUP for _, event in waiting.poll(_BARRIER * 1000))
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)
