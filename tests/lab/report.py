"""What the story prints: steps, facts, and checks that held or did not. Plain lines, colour if wanted."""

from __future__ import annotations

import os
import sys
import time

_BOLD, _DIM, _GREEN, _RED, _RESET = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"


class Report:
    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.held = 0
        self.failed: list[str] = []
        # https://no-color.org: any value that is not empty.
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def step(self, letter: str, title: str) -> None:
        elapsed = time.monotonic() - self.begin
        print(
            f"\n{self._paint(_BOLD, f'{letter}. {title}')}  {self._paint(_DIM, f'[{elapsed:.0f} s]')}",
            flush=True,
        )

    def fact(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def check(self, holds: bool, text: str, why: str = "") -> None:
        """One claim with its measured figure. `why` is shown when it does not hold."""
        if holds:
            self.held += 1
            print(f"  {self._paint(_GREEN, '✓')} {text}", flush=True)
            return
        self.failed.append(text)
        print(f"  {self._paint(_RED, '✗')} {text}{f'  ({why})' if why else ''}", flush=True)

    def end(self) -> int:
        """The last line; the exit code."""
        elapsed = time.monotonic() - self.begin
        if self.failed:
            words = f"{len(self.failed)} of {self.held + len(self.failed)} checks did not hold"
            print(f"\n{self._paint(_RED, words)}, {elapsed:.0f} s", flush=True)
            return 1
        print(f"\n{self._paint(_GREEN, f'all {self.held} checks held')}, {elapsed:.0f} s", flush=True)
        return 0

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour else text
