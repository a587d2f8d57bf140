"""What vc5d says: events, to standard error or the journal, and to whoever subscribes.

An event is a fixed phrase to search for; what varies is in its values. All of them, with their keys, are in
events/catalogue.py. How they are written is in logformat.py and journal.py.
Nothing secret is passed here by any caller: keys, seeds and credentials are never values of an event.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping

from . import logformat
from .systemd import journal

NOTICE = 25  # syslog's, between info and warning
LEVELS = ("debug", "info", "notice", "warning", "error")
FORMATS = ("auto", "text", "json", "journal")

_logger = logging.getLogger("vc5d")
_NUMBERS = {name: NOTICE if name == "notice" else getattr(logging, name.upper()) for name in LEVELS}
_PROBE = "probe"
way_to = logformat.way_to
logging.addLevelName(NOTICE, "NOTICE")

# event, level (of LEVELS), values, time in seconds since the epoch
Subscriber = Callable[[str, str, Mapping[str, object], float], None]
_subscribers: list[tuple[Subscriber, bool]] = []


def setup(level: str, form: str = "auto") -> None:
    """Send events of `level` (one of LEVELS) and above, in `form` (one of FORMATS); libraries' from warning
    on. auto: to the journal if standard error is one of its streams, else text."""
    if form == "auto":
        form = "journal" if journal.is_standard_error() else "text"
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    formatters = {"json": logformat.Json, "journal": logformat.Prefixed}
    handler.setFormatter(formatters.get(form, logformat.Text)())
    logging.root.handlers = [journal.Handler(instead=handler) if form == "journal" else handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)  # sinks/ says what it would, once
    _logger.setLevel(_NUMBERS[level])


def is_journal() -> bool:
    """Whether events go to the journal."""
    return any(isinstance(each, journal.Handler) for each in logging.root.handlers)


def subscribe(subscriber: Subscriber, probes: bool = False) -> Callable[[], None]:
    """Tell it of every event that is logged, at once and in the caller's thread: it must neither block nor
    log. probes: of every single one too. Returns the way to end that."""
    entry = (subscriber, probes)
    _subscribers.append(entry)
    return lambda: _subscribers.remove(entry)


def debug(event: str, **values: object) -> None:
    at("debug", event, **values)


def info(event: str, **values: object) -> None:
    at("info", event, **values)


def warning(event: str, **values: object) -> None:
    at("warning", event, **values)


def error(event: str, **values: object) -> None:
    at("error", event, **values)


def at(level: str, event: str, **values: object) -> None:
    """Of any level of LEVELS."""
    if _logger.isEnabledFor(_NUMBERS[level]):
        _emit(level, event, values)


def probe(**values: object) -> None:
    """One probe. Whoever asks for these means it, so the log's level does not keep them back."""
    _emit("debug", _PROBE, values)


def defect(event: str, failure: BaseException) -> None:
    """A failure that no user can cause: with the way to it, for the bug report."""
    _emit("error", event, {"error": repr(failure), "at": way_to(failure)})


def _emit(level: str, event: str, values: Mapping[str, object]) -> None:
    now = time.time()
    for subscriber, probes in tuple(_subscribers):
        if event == _PROBE and not probes:
            continue
        with contextlib.suppress(Exception):  # who listens must not keep what happens from happening
            subscriber(event, level, values, now)
    record = _logger.makeRecord("vc5d", _NUMBERS[level], "", 0, event, (), None)
    record.created, record.msecs, record.values = now, now % 1 * 1000, values
    _logger.handle(record)
