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
        self._shown = False
        self._lock, self._counting = threading.Lock(), threading.Lock()
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
        with self._counting:
            self._stage, self._done, self._total = name, 0, total

    def step(self) -> None:
        """One more is done. Any thread may say so."""
        with self._counting:  # never held while a terminal is slow
            self._done += 1

    def say(self, text: str) -> None:
        """A line that stays, above the one that says what is being done."""
        with self._lock:
            self._write(f"{CLEAR if self._shown else ''}{text}\n")

    def _show(self) -> None:
        if self._ended.wait(PATIENCE):
            return
        while True:
            with self._lock:
                self._shown = True
                self._write(CLEAR + self._line())
            if self._ended.wait(INTERVAL):
                self._write(CLEAR)
                return

    def _line(self) -> str:
        with self._counting:
            counted = f" {self._done:,} of {self._total:,}" if self._total else ""
            line = f"vc5c: {self._stage}{counted}"
        return line[: shutil.get_terminal_size().columns - 1]

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone: the compilation is not
            self._ended.set()
