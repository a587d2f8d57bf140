"""One event per line on standard error: `TIME level event key=value …`.

The event is a fixed phrase to search for; what varies is in the values. A value with spaces, quotes or
control characters is written as a JSON string, so that a line stays a line. Under systemd the journal keeps
time and level itself: the time is left out and the level becomes the journal's prefix (sd-daemon(3)).
Nothing secret is passed here by any caller: keys, seeds and credentials are never values of an event.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
import traceback
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")

_logger = logging.getLogger("vc5d")
_PLAIN = re.compile(r"[^\s\"'=\x00-\x1f\x7f]+")
_JOURNAL_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def setup(level: str) -> None:
    """Send events of `level` (one of LEVELS) and above to standard error; libraries' from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    _logger.setLevel(level.upper())


def debug(event: str, **values: object) -> None:
    _logger.debug(_line(event, values))


def info(event: str, **values: object) -> None:
    _logger.info(_line(event, values))


def warning(event: str, **values: object) -> None:
    _logger.warning(_line(event, values))


def error(event: str, **values: object) -> None:
    _logger.error(_line(event, values))


def defect(event: str, failure: BaseException) -> None:
    """A failure that no user can cause: with the way to it, for the bug report."""
    _logger.error(event, exc_info=failure)


def way_to(failure: BaseException) -> str:
    """Where it was raised and through what: `file:line function`, outermost first. One line, since a
    traceback has no place in a log of lines, nor before a user."""
    frames = traceback.extract_tb(failure.__traceback__)
    steps = [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    before = f"{cause!r} at {way_to(cause)} then " if cause else ""
    return before + " > ".join(steps)


def _line(event: str, values: dict[str, object]) -> str:
    return " ".join([event, *(f"{key}={_text(value)}" for key, value in values.items())])


def _text(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _Formatter(logging.Formatter):
    """`journal`: the journal's prefix in place of time and level."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self.journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = " ".join(record.getMessage().splitlines())
        failure = record.exc_info[1] if record.exc_info else None
        if failure is not None:
            text = _line(text, {"error": repr(failure), "at": way_to(failure)})
        if self.journal:
            return f"<{_JOURNAL_PRIORITY.get(record.levelno, 5)}>{text}"
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{moment}.{int(record.msecs):03d}Z {record.levelname.lower()} {text}"
