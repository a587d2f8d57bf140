"""An event as a flat object of the Elastic Common Schema's fields, dots in their names.

An event or key that the catalogue lacks is not lost: it goes under `vc5.`.
"""

from __future__ import annotations

import importlib.metadata
import socket
import time
from collections.abc import Mapping
from functools import cache

from .catalogue import EVENTS
from .keys import KEYS

VERSION = "8.11"
SEVERITIES = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "error": 3, "critical": 2}  # syslog's


def fields(event: str, level: str, values: Mapping[str, object], when: float) -> dict[str, object]:
    """values: anything; written as text, or as what keys.py says. when: seconds since the epoch."""
    found: dict[str, object] = {
        "@timestamp": timestamp(when),
        "log.level": level,
        "message": message(event, values),
        "event.action": event,
        "event.severity": SEVERITIES.get(level, 5),
        **_always(),
    }
    if known := EVENTS.get(event):
        found["event.category"] = [known.category]
        found["event.type"] = [known.type]
        if known.outcome:
            found["event.outcome"] = known.outcome
    for key, value in values.items():
        found.update(_field(key, str(value)))
    return found


def message(event: str, values: Mapping[str, object]) -> str:
    """For a person: `vip.down 192.168.101.1, critical, …`"""
    return " ".join([event, ", ".join(str(value) for value in values.values())]).rstrip()


def timestamp(when: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    seconds = int(when)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int((when - seconds) * 1000):03d}Z"


def _field(key: str, text: str) -> dict[str, object]:
    known = KEYS.get(key)
    if known is None:
        return {f"vc5.{key}": text}
    try:
        return {known.field: known.value(text), **known.more(text)}
    except ValueError:  # not of the form that it should have
        return {f"vc5.{key}": text}


@cache
def _always() -> Mapping[str, object]:
    return {
        "ecs.version": VERSION,
        "event.kind": "event",
        "event.module": "vc5",
        "event.dataset": "vc5.vc5d",
        "service.name": "vc5d",
        "service.version": importlib.metadata.version("vc5"),
        "host.name": socket.gethostname(),
    }
