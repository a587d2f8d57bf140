"""Room for the tables until the document is written: memory at first, an unnamed file beyond that.

A thousand tables of 655,373 slots are 1.7 GB of text, and their order in the document, like the services
before them, depends on digests that are known only when all are made.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO

IN_MEMORY = 256 << 20  # bytes


class Spool:
    """Any number of threads may put and read."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._room = in_memory
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._end = 0

    def put(self, data: bytes) -> Callable[[], bytes]:
        """Keep the data; what is returned gives it back. Raises OSError: no room."""
        with self._lock:
            if len(data) <= self._room:
                self._room -= len(data)
                return lambda: data
            if self._stream is None:
                self._stream = tempfile.TemporaryFile(prefix="vc5c.")  # noqa: SIM115 - until the end
            stream, start, length = self._stream, self._end, len(data)
            self._end += length
        written = 0
        while written < length:
            written += os.pwrite(stream.fileno(), memoryview(data)[written:], start + written)
        return lambda: os.pread(stream.fileno(), length, start)
