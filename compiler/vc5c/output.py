"""Writing what was compiled: all of it or nothing, and nothing if it is there already."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Unwritable(Exception):
    """The output cannot be written (exit code 2): a reason for a person; '' if there is nobody to tell."""


def write(pieces: Iterable[bytes], path: str) -> bool:
    """To a file, atomically, or to standard output for `-`; `pieces` are gone through more than once.

    False: the file had these very bytes, and was left alone. Raises Unwritable.
    """
    try:
        if path == "-":
            _to_standard_output(pieces)
        elif Path(path).exists() and not Path(path).is_file():  # /dev/null, a pipe: nothing to replace
            with Path(path).open("wb") as stream:
                stream.writelines(pieces)
        else:
            target = _resolve(Path(path))
            if _has(target, pieces):
                return False
            _replace(pieces, target)
    except BrokenPipeError:
        raise Unwritable("") from None  # its reader has gone (`vc5c … | head`), and knows
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unwritable(f"cannot write {'the output' if path == '-' else path}: {reason}") from error
    return True


def _resolve(path: Path) -> Path:
    """What a symbolic link points to is replaced, not the link."""
    try:
        return path.resolve()
    except RuntimeError as error:  # what Python 3.11 and 3.12 call a loop
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def _to_standard_output(pieces: Iterable[bytes]) -> None:
    stream = sys.stdout
    if stream is None:
        raise OSError(0, "standard output is closed")
    try:
        stream.flush()
        stream.buffer.writelines(pieces)
        stream.buffer.flush()
    except OSError:
        # What is buffered is lost. Python would try again at exit, and complain then.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def _has(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether the file has these bytes. A digest is near their start: another document is seen at once."""
    try:
        with path.open("rb") as stream:
            return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)
    except OSError:
        return False


def _replace(pieces: Iterable[bytes], path: Path) -> None:
    """A new file beside the old one takes its place once it is whole and on disk."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            _like(path, handle)
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
    _sync_folder(path.parent)


def _like(path: Path, handle: int) -> None:
    """Mode and owner of the file that is there; without one, what the umask leaves."""
    try:
        found = path.stat()
    except OSError:
        os.fchmod(handle, 0o666 & ~_umask())
        return
    with suppress(OSError):  # only root may give files away
        os.fchown(handle, found.st_uid, found.st_gid)
    os.fchmod(handle, found.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """So that the new name outlives a power cut. Not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
