"""How events are written: `TIME level event key=value …`, or one JSON object per line with ECS field names.

In text, a value with spaces, quotes or control characters is written as a JSON string, so that a line stays
a line. What libraries log has no values, but a message and perhaps an exception.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from .events import ecs

PRIORITIES = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "error": 3, "critical": 2}  # syslog's
_PLAIN = re.compile(r"[^\s\"'=\x00-\x1f\x7f]+")


def line(event: str, values: Mapping[str, object]) -> str:
    """`event key=value …`"""
    return " ".join([event, *(f"{key}={_text(value)}" for key, value in values.items())])


def content(record: logging.LogRecord) -> tuple[str, Mapping[str, object]]:
    """The event and its values; of a library's record its message, and its exception as values."""
    values: Mapping[str, object] | None = getattr(record, "values", None)
    if values is not None:
        return str(record.msg), values
    failure = record.exc_info[1] if record.exc_info else None
    text = " ".join(record.getMessage().splitlines())
    return text, {"error": repr(failure), "at": way_to(failure)} if failure else {}


def level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def priority(record: logging.LogRecord) -> int:
    return PRIORITIES.get(level(record), 5)


def way_to(failure: BaseException) -> str:
    """Where it was raised and through what: `file:line function`, outermost first. One line, since a
    traceback has no place in a log of lines, nor before a user."""
    frames = traceback.extract_tb(failure.__traceback__)
    steps = [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    before = f"{cause!r} at {way_to(cause)} then " if cause else ""
    return before + " > ".join(steps)


class Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{moment}.{int(record.msecs):03d}Z {level(record)} {line(*content(record))}"


class Prefixed(logging.Formatter):
    """For the journal's stream: the priority as sd-daemon(3) has it; it keeps the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{priority(record)}>{line(*content(record))}"


class Json(logging.Formatter):
    """Elastic Common Schema, as ecs-logging has it: a flat object, dots in the names."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields(record), ensure_ascii=False)


def fields(record: logging.LogRecord) -> dict[str, object]:
    event, values = content(record)
    if hasattr(record, "values"):
        return ecs.fields(event, level(record), values, record.created)
    return {**ecs.fields("library", level(record), values, record.created), "message": event}


def _text(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
