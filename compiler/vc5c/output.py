"""Writing what was compiled: all of it or nothing."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path


class Unwritable(Exception):
    """The output cannot be written (exit code 2): a reason for a person."""


def write(pieces: Iterable[str], path: str) -> None:
    """To a file, atomically, or to standard output for `-`. Raises Unwritable."""
    try:
        if path == "-":
            sys.stdout.writelines(pieces)
            sys.stdout.flush()
        elif Path(path).exists() and not Path(path).is_file():  # /dev/null, a pipe: nothing to replace
            with Path(path).open("w") as stream:
                stream.writelines(pieces)
        else:
            _replace(pieces, Path(path).resolve())
    except BrokenPipeError:
        # The reader has gone (`vc5c … | head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unwritable("cannot write the output: its reader has gone") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unwritable(f"cannot write {path}: {reason}") from error


def _replace(pieces: Iterable[str], path: Path) -> None:
    """A new file beside the old one takes its place once it is whole and on disk."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
