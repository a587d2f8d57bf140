"""One line on a terminal that says what takes so long, and is gone before anything else is said."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from types import TracebackType
from typing import TextIO

PATIENCE, INTERVAL = 1.0, 0.1  # seconds: before the first line, between lines
CLEAR = "\r\x1b[K"


class Progress:
    """Used in a `with`: the line is gone when that ends. Without a terminal nothing is ever written."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._stage, self._done, self._total = "", 0, 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Progress:
        if self._stream is not None and self._stream.isatty() and os.environ.get("TERM") != "dumb":
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def stage(self, name: str, total: int = 0) -> None:
        """What is being done now; in so many steps, if that is known."""
        with self._lock:
            self._stage, self._done, self._total = name, 0, total

    def step(self) -> None:
        """One more is done. Any thread may say so."""
        with self._lock:
            self._done += 1

    def _show(self) -> None:
        if self._ended.wait(PATIENCE):
            return
        while True:
            self._write(CLEAR + self._line())
            if self._ended.wait(INTERVAL):
                self._write(CLEAR)
                return

    def _line(self) -> str:
        with self._lock:
            counted = f" {self._done:,} of {self._total:,}" if self._total else ""
            line = f"vc5c: {self._stage}{counted}"
        return line[: shutil.get_terminal_size().columns - 1]

    def _write(self, text: str) -> None:
        assert self._stream is not None
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone: the compilation is not
            self._ended.set()
