"""Long JSON a part at a time. The encoder holds the interpreter while it works, and so does whoever frees a
hundred thousand objects at once, or looks whether they are garbage: event loop and health checks would wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_DEPTH = 3  # of objects that are taken apart


class Packed(Mapping[str, Any]):
    """Objects by name, each kept as its JSON, and made anew whenever it is asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @classmethod
    def of(cls, objects: Mapping[str, Any]) -> Packed:
        """The same in this form."""
        if isinstance(objects, Packed):
            return objects
        return cls({name: json.dumps(each, sort_keys=True) for name, each in objects.items()})

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def pieces(self) -> Iterator[str]:
        """The JSON of all of them, one after another."""
        separator = "{"
        for name, text in self._texts.items():
            yield f"{separator}{json.dumps(name)}: {text}"
            separator = ", "
        yield "}" if self._texts else "{}"


def used_up(value: Any, depth: int = _DEPTH) -> Iterator[str]:
    """The JSON of `value`, piece by piece; objects are emptied on the way, so that they end piece by piece,
    too."""
    if isinstance(value, Packed):
        yield from value.pieces()
        return
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
