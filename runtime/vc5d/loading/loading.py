"""The daemon's side: the first document by itself, every other one by a process."""

from __future__ import annotations

import asyncio
import io
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

from ..document import Document
from ..errors import Vc5Error
from ..health.plans import Plans, compile_checks
from ..loop.collecting import kept
from ..loop.courtesy import giving_way
from ..sinks.config import Logging
from ..sinks.config import read as read_logging
from .parts import Parts, Shared, join, opened
from .process import Refusal, serve


@dataclass(frozen=True)
class Loaded:
    """A document, how to check what it asks to be checked, and whom to tell. `prints` and `parts`: what the
    next one is compared with."""

    document: Document
    plans: Plans
    logging: Logging
    prints: dict[Any, bytes]
    parts: Parts

    def pieces(self) -> list[object]:
        """All that takes long to free."""
        return [*self.parts.values(), *self.plans.by_service.values()]


class Loading:
    """Of the document in the file `path`. seed_file: as document.read has it."""

    def __init__(self, path: Path, seed_file: Path | None = None) -> None:
        self._path, self._seed_file = path, seed_file
        self._process: subprocess.Popen[bytes] | None = None
        self._shared: Shared = WeakValueDictionary()

    async def first(self) -> Loaded:
        """While nothing waits for the event loop yet, this process can do it. Raises Vc5Error."""
        return await asyncio.to_thread(kept, self._here)

    async def next(self, before: Loaded) -> Loaded:
        """Raises Vc5Error."""
        try:
            return await asyncio.to_thread(kept, self._apart, before)
        finally:
            if self._process:  # cancelled: the thread ends when it does
                self._process.kill()

    def _here(self) -> Loaded:
        frames = io.BytesIO()
        serve(self._path, self._seed_file, {}, frames)
        frames.seek(0)
        return _loaded(_frames(frames), None, self._shared)

    def _apart(self, before: Loaded) -> Loaded:
        command = [sys.executable, "-m", __package__, str(self._path)]
        command += [str(self._seed_file)] if self._seed_file else []
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = process
        try:
            assert process.stdin
            assert process.stdout
            with process.stdin as asked:
                pickle.dump(before.prints, asked)
            return _loaded(_frames(process.stdout), before, self._shared)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise _ended(process.wait()) from None
        finally:
            self._process = None
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _frames(file: IO[bytes]) -> Iterator[Any]:
    """Until the last. Raises EOFError if that does not come."""
    while (frame := pickle.load(file)) is not None:  # noqa: S301 - from this same program
        if isinstance(frame, Refusal):
            if frame.defect:
                raise RuntimeError(frame.message)
            raise Vc5Error(frame.message, frame.hint)
        yield frame


def _loaded(frames: Iterator[Any], before: Loaded | None, shared: Shared) -> Loaded:
    prints: dict[Any, bytes] = {}
    parts: dict[Any, Any] = {}
    for name, print_, anew in giving_way(frames):
        prints[name] = print_
        parts[name] = opened(name, next(frames), shared) if anew or not before else before.parts[name]
    document = join(parts)
    plans = compile_checks(document, before.document if before else None, before.plans if before else None)
    return Loaded(document, plans, read_logging(document.options.get("logging")), prints, parts)


def _ended(code: int) -> Vc5Error:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
    return Vc5Error(
        f"the process that reads the document ended {how}",
        "too little memory for a document of this size? the kernel's log says so",
    )
