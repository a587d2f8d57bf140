"""What vc5d did since it was started, counted where it happens: checks, reloads, log events; and the last few
hundred events themselves. Bounded: labels are types, results and levels, never names."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram

from .log import LEVELS

if TYPE_CHECKING:
    from .health.probers import Probed

_EVENTS = 300
_VALUE = 400  # characters of a value that are kept
_RESULTS: Mapping[bool | None, str] = {True: "passed", False: "failed", None: "not_asked"}
_CHECK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_RELOAD_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Event:
    """One of the log's. number: from 1 on. time: seconds since the epoch."""

    number: int
    time: float
    level: str
    event: str
    values: Mapping[str, str]


class Activity:
    """`registry`: the counts as metrics. `on_event` and `on_probe` are called from any thread and from the
    event loop; neither blocks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._checks = Counter(
            "vc5_checks", "Health checks made.", ("type", "result"), registry=self.registry
        )
        self._check_seconds = Histogram(
            "vc5_check_duration_seconds",
            "Time that a health check took.",
            ("type",),
            buckets=_CHECK_SECONDS,
            registry=self.registry,
        )
        self._counted: dict[tuple[str, bool | None], tuple[Counter, Histogram]] = {}
        self._reload_seconds = Histogram(
            "vc5_reload_duration_seconds",
            "Time that a reload took.",
            ("result",),
            buckets=_RELOAD_SECONDS,
            registry=self.registry,
        )
        self._logged = Counter("vc5_log_events", "Events logged.", ("level",), registry=self.registry)
        for level in LEVELS:
            self._logged.labels(level)
        for result in ("done", "failed"):
            self._reload_seconds.labels(result)
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._numbers, self._numbering = itertools.count(1), threading.Lock()

    def on_probe(self, probed: Probed) -> None:
        name = (probed.check.type, probed.ok)
        if name not in self._counted:  # looking labels up costs more than counting
            count = self._checks.labels(probed.check.type, _RESULTS[probed.ok])
            self._counted[name] = count, self._check_seconds.labels(probed.check.type)
        count, seconds = self._counted[name]
        count.inc()
        seconds.observe(probed.seconds)

    def reloaded(self, seconds: float, *, failed: bool) -> None:
        self._reload_seconds.labels("failed" if failed else "done").observe(seconds)

    def on_event(self, event: str, level: str, values: Mapping[str, object], time: float) -> None:
        """As log.Subscriber."""
        texts = {name: str(value)[:_VALUE] for name, value in values.items()}
        self._logged.labels(level).inc()
        with self._numbering:
            self._events.append(Event(next(self._numbers), time, level, event, texts))

    def events(self, after: int = 0) -> list[Event]:
        """Those that are kept, oldest first, from the one after number `after` on."""
        with self._numbering:
            return [each for each in self._events if each.number > after]
