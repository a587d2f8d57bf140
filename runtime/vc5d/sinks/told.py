"""An event as a sink keeps it: text only, so that it holds on to nothing, and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..events.ecs import SEVERITIES

_LONGEST = 1000  # characters of a value
_OVERHEAD = 200  # bytes of an event beside its values, about


@dataclass(frozen=True)
class Told:
    """when: seconds since the epoch. number: counts the events of this run."""

    name: str
    level: str
    values: Mapping[str, str]
    when: float
    number: int = 0

    @classmethod
    def of(cls, name: str, level: str, values: Mapping[str, object], when: float, number: int) -> Told:
        return cls(name, level, {key: _text(value) for key, value in values.items()}, when, number)

    @property
    def severity(self) -> int:
        """syslog's: 3 error … 7 debug."""
        return SEVERITIES.get(self.level, 5)

    @cached_property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return _OVERHEAD + sum(len(key) + len(value) for key, value in self.values.items())


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
