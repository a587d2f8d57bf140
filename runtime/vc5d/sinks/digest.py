"""What to tell people, calmly: events about one thing are joined and counted.

A subject is what an event is about: a VIP, the reals of a service, or else the kind of event. Its first
event is told a second later, with all that came in that second: a thousand reals that fail at once are a
line per service. While its events go on, they are told with counts, each time after twice as long, up to a
minute: a VIP that flaps is a message a minute. A minute after the last one it starts anew.

No tasks, no clock of its own: `now` is in seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from ..events.catalogue import EVENTS
from .told import Told

SOONEST, LATEST = 1.0, 60.0  # s
_MOST_SUBJECTS = 10_000
_MOST_NAMES = 20_000  # reals of a service that are told apart
_NAMED = 3
_LONGEST = 300  # characters of a line

Subject = tuple[str, str]  # kind, and of what


@dataclass
class _Pending:
    """counts: event -> how often. latest: of each real of a service, and "" for others, its last event.
    severity: of the gravest, syslog's number."""

    due: float
    window: float
    severity: int = 7
    events: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    latest: dict[str, Told] = field(default_factory=dict)

    def add(self, event: Told, name: str) -> None:
        self.events += 1
        self.severity = min(self.severity, event.severity)
        self.counts[event.name] = self.counts.get(event.name, 0) + 1
        if name in self.latest or len(self.latest) < _MOST_NAMES:
            self.latest[name] = event


@dataclass(frozen=True)
class Line:
    """severity: the gravest of its events, syslog's number. events: how many it stands for."""

    subject: Subject
    pending: _Pending

    @property
    def severity(self) -> int:
        return self.pending.severity

    @property
    def events(self) -> int:
        return self.pending.events

    @property
    def text(self) -> str:
        """Made only for those that are shown."""
        kinds = {"vip": _vip, "service": _service}
        text = " ".join(kinds.get(self.subject[0], _other)(self.subject[1], self.pending).split())
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


class Digest:
    """level: the least grave severity that is told. What ends a trouble that was told is told as well, be it
    as harmless as it may. events: how many wait. next_due: inf: nothing does."""

    def __init__(self, level: int) -> None:
        self.level = level
        self._pending: dict[Subject, _Pending] = {}
        self._windows: dict[Subject, tuple[float, float]] = {}  # told before: its window, and when it ends
        self._troubled: dict[Subject, int] = {}
        self.events = 0
        self.next_due = inf

    def add(self, event: Told, now: float) -> int:
        """How many events had to be dropped for lack of room: 0 or 1."""
        subject = subject_of(event)
        if not self._is_wanted(event, subject):
            return 0
        pending = self._pending.get(subject)
        if pending is None:
            if len(self._pending) >= _MOST_SUBJECTS:
                return 1
            pending = self._pending[subject] = self._open(subject, now)
            self.next_due = min(self.next_due, pending.due)
        pending.add(event, event.values.get("real", "") if subject[0] == "service" else "")
        self.events += 1
        return 0

    def take(self, now: float) -> list[Line]:
        """What is due, the gravest first, then by when it began."""
        due = [subject for subject, pending in self._pending.items() if pending.due <= now]
        lines = [Line(subject, self._pending.pop(subject)) for subject in due]
        for line in lines:
            self._windows[line.subject] = (line.pending.window, now + LATEST)
            self.events -= line.events
        self.next_due = min((each.due for each in self._pending.values()), default=inf)
        if len(self._windows) > _MOST_SUBJECTS:
            self._windows = {each: until for each, until in self._windows.items() if until[1] > now}
        return sorted(lines, key=lambda line: line.severity)

    def succeed(self, old: Digest) -> None:
        """Go on with what an older one has."""
        self._pending, self._windows, self._troubled = old._pending, old._windows, old._troubled
        self.events, self.next_due = old.events, old.next_due

    def _is_wanted(self, event: Told, subject: Subject) -> bool:
        known = EVENTS.get(event.name)
        if known and known.ends and self._troubled.get(subject):
            self._troubled[subject] -= 1
            if not self._troubled[subject]:
                del self._troubled[subject]
            return True
        if event.severity > self.level or event.name == "probe":
            return False
        if len(self._troubled) < _MOST_SUBJECTS or subject in self._troubled:
            self._troubled[subject] = self._troubled.get(subject, 0) + (not (known and known.ends))
        return True

    def _open(self, subject: Subject, now: float) -> _Pending:
        window, until = self._windows.pop(subject, (0.0, 0.0))
        window = min(2 * window, LATEST) if now < until else SOONEST
        return _Pending(now + window, window)


def subject_of(event: Told) -> Subject:
    values = event.values
    if event.name.startswith("real.") and "service" in values:
        return "service", values["service"]
    if "vip" in values:
        return "vip", values["vip"]
    known = EVENTS.get(event.name)
    trouble = (known.ends if known else "") or event.name
    return trouble, next(
        (values[key] for key in ("sink", "interface", "target", "address") if key in values), ""
    )


def _vip(vip: str, pending: _Pending) -> str:
    event = pending.latest[""]
    said = {"vip.up": "is up", "vip.down": "is DOWN"}.get(event.name, event.name)
    why = event.values.get("why", "")
    return f"VIP {vip} {said}{': ' if why else ''}{why}{_counted(pending)}"


def _service(service: str, pending: _Pending) -> str:
    by_name: dict[str, list[str]] = {}
    for real, event in pending.latest.items():
        by_name.setdefault(event.name, []).append(real)
    words = {"real.down": "DOWN", "real.up": "up", "real.lingered": "lingered"}
    parts = []
    for name in sorted(by_name):
        reals = by_name[name]
        named = ", ".join(reals[:_NAMED]) + (", …" if len(reals) > _NAMED else "")
        reason = pending.latest[reals[0]].values.get("reason", "")
        noun = "real" if len(reals) == 1 else "reals"
        parts.append(f"{len(reals)} {noun} {words.get(name, name)} ({named}){': ' if reason else ''}{reason}")
    changes = f" ({pending.events} changes)" if pending.events > len(pending.latest) else ""
    return f"{service}: {'; '.join(parts)}{changes}"


def _other(_: str, pending: _Pending) -> str:
    event = pending.latest[""]
    values = ", ".join(f"{key} {value}" for key, value in event.values.items() if value)
    return f"{event.name}: {values}{_counted(pending)}" if values else f"{event.name}{_counted(pending)}"


def _counted(pending: _Pending) -> str:
    """(vip.down 5 times, vip.up 4 times); nothing for a single one."""
    if pending.events == 1:
        return ""
    return f" ({', '.join(_times(pending.counts))})"


def _times(counts: dict[str, int]) -> Iterator[str]:
    for name, count in sorted(counts.items()):
        yield f"{name} {'once' if count == 1 else f'{count} times'}"
