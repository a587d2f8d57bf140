"""How a command ends: an exit code, and at most a line or two for a person. Never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from . import log
from .errors import Vc5Error

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_NOBODY_READS = 141  # 128 + SIGPIPE


def guarded(name: str, command: Callable[[], int]) -> int:
    """The exit code of `command`, whatever happens in it."""
    try:
        code = command()
        sys.stdout.flush()
    except Vc5Error as failure:
        return say(name, failure)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _write_nowhere()
        return _NOBODY_READS
    except OSError as failure:
        if not _is_output_full(failure):
            return _defect(name, failure)
        _write_nowhere()
        return say(name, Vc5Error(f"its output cannot be written: {failure.strerror}"))
    except Exception as failure:
        return _defect(name, failure)
    return code


def _defect(name: str, failure: Exception) -> int:
    what = f"{failure!r} at {log.way_to(failure)}"
    return say(name, Vc5Error(f"a defect of {name}: {what}", "please report this line and the log above it"))


def _is_output_full(failure: OSError) -> bool:
    """As where standard output is a file. What else fails so has its own words, with the file's name."""
    return failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO) and failure.filename is None


def say(name: str, failure: Vc5Error) -> int:
    """Tells a person; the exit code."""
    sys.stderr.write(f"{name}: error: {failure}\n")
    return 1


def _write_nowhere() -> None:
    """What is still to be written when Python ends would complain again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
