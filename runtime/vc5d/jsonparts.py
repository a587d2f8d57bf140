"""Long JSON a part at a time. The encoder holds the interpreter while it works, and so does whoever frees a
hundred thousand objects at once: event loop and health checks would wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DEPTH = 3  # of objects that are taken apart: an answer's `result`, a status's `services`, each of these


def used_up(value: Any, depth: int = _DEPTH) -> Iterator[str]:
    """The JSON of `value`, piece by piece; objects are emptied on the way, so that they end piece by piece,
    too."""
    if not (depth and isinstance(value, dict) and value):
        yield json.dumps(value)
        return
    items = list(reversed(value.items()))
    value.clear()
    separator = "{"
    while items:
        key, each = items.pop()
        yield f"{separator}{json.dumps(str(key))}: "
        yield from used_up(each, depth - 1)
        separator = ", "
    yield "}"
