"""What an error of a probe says of the real, in words; and those that say nothing of it.

A host without descriptors, memory, ports or permission cannot ask. To call its reals down for that would
withdraw every VIP for a fault that no real has.
"""

from __future__ import annotations

import errno
import os

from .state import Result

LOCAL = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,  # also a full neighbor table (net.ipv4.neigh.default.gc_thresh3)
        errno.ENOMEM,
        errno.EAGAIN,  # connect(2): no free port; send(2): the send buffer is full
        errno.EADDRNOTAVAIL,
        errno.EADDRINUSE,
        errno.EPERM,
        errno.EACCES,
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
    }
)
_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no neighbor: the real's MAC is not known",  # the kernel gave up on ARP
}


def failed(failure: OSError) -> Result:
    """The result of a probe that ended in `failure`."""
    if failure.errno in LOCAL:
        return could_not_check((failure.strerror or str(failure)).lower())
    return Result(False, in_words(failure))


def could_not_check(why: str) -> Result:
    """Says nothing of the real: its state stays."""
    return Result(None, f"could not check: {why}")


def in_words(failure: OSError) -> str:
    """Why a connection failed, as a person would put it."""
    if failure.errno in _WORDS:
        return _WORDS[failure.errno]
    if failure.errno is None:
        return str(failure) or type(failure).__name__
    return os.strerror(failure.errno).lower()


def no_answer(timeout: float) -> str:
    return f"no answer in {timeout:g} s"
