"""Tables that were made before, by what they are made of: compiling again after a small change makes only
what changed.

A file per table, named by its key: a digest (32 bytes), then the slots. The digest is the one that the table
has in the document, so that to check it costs the reader nothing. Files are written under another name and
renamed: any number of compilers may share the folder. It grows to LIMIT, then goes what was not used for
longest.

Nothing here is ever an error: what cannot be read is missing, what cannot be written is not kept. A folder
that others could write to is not used at all: they could choose where traffic goes.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

LIMIT = 1 << 30  # bytes; a thousand tables of 65,537 slots are 131 MB
DIGEST_BYTES = 32
ABANDONED = 3600  # seconds after which a file that was never renamed is a dead compiler's
SUFFIX = ".table"


class Unusable(Exception):
    """Why a folder cannot be the cache: a reason for a person."""


def default_folder() -> Path | None:
    """vc5c in $XDG_CACHE_HOME or ~/.cache; None: there is no home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # the specification: relative paths are to be ignored
        return Path(base) / "vc5c"
    home = os.environ.get("HOME", "")
    return Path(home) / ".cache" / "vc5c" if Path(home).is_absolute() else None


class Cache:
    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """Makes the folder. Raises Unusable."""
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._stored = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise Unusable(getattr(error, "strerror", None) or str(error)) from error
        found = os.fstat(self._directory)
        if found.st_uid != os.geteuid():
            os.close(self._directory)
            raise Unusable("it is another user's")
        if found.st_mode & 0o022:
            os.close(self._directory)
            raise Unusable("others may write to it (its mode should be 0700)")

    def get(self, key: str, length: int) -> tuple[bytes, bytes] | None:
        """Digest and slots, so many bytes, if there is such an entry: for the caller to check."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(key + SUFFIX, flags, dir_fd=self._directory)
        except OSError:
            return None
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size != DIGEST_BYTES + length:
                return None
            data = os.read(handle, DIGEST_BYTES + length)
            with suppress(OSError):  # a folder that may only be read
                os.utime(handle)
        except OSError:
            return None
        finally:
            os.close(handle)
        return (data[:DIGEST_BYTES], data[DIGEST_BYTES:]) if len(data) == found.st_size else None

    def put(self, key: str, digest: bytes, slots: bytes) -> None:
        """Keep an entry, unless this run has filled the cache already."""
        with self._lock:
            self._stored += len(digest) + len(slots)
            if self._stored > self._limit:
                return
        name = ""
        try:
            handle, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as stream:
                stream.write(digest)
                stream.write(slots)
            Path(name).replace(self._folder / (key + SUFFIX))
        except OSError:
            if name:
                Path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Make room, if anything was added."""
        if self._stored:
            with suppress(OSError):
                self._evict()
        os.close(self._directory)

    def _evict(self) -> None:
        entries, total, now = [], 0, time.time()
        with os.scandir(self._folder) as found:
            for entry in found:
                with suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(SUFFIX):
                        entries.append((about.st_mtime, about.st_size, entry.path))
                        total += about.st_size
                    elif entry.name.startswith(tempfile.gettempprefix()) and now - about.st_mtime > ABANDONED:
                        Path(entry.path).unlink()
        for _time, size, path in sorted(entries):
            if total <= self._limit:
                break
            with suppress(OSError):
                Path(path).unlink()
            total -= size
