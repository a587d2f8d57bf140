"""Metrics of services and of their reals: what grows with the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from ..loop.courtesy import giving_way
from .families import TRAFFIC, Status, counter, gauge

_REAL = ("service", "real")
_AT_ONCE = 100  # samples: a millisecond's work
_REAL_STATES = ("accepting", "draining", "down")

Labels = tuple[str, str]
Family = GaugeMetricFamily | CounterMetricFamily


def services(status: Status) -> Iterator[Metric]:
    info = InfoMetricFamily("vc5_service", "The service's name.", labels=("service",))
    needed = gauge("service_reals_needed", "Reals that must accept for the VIP to be up.", "service")
    accepting = gauge("service_reals_accepting", "Reals that take new flows.", "service")
    slots = gauge("service_slots", "Slots of the table by state.", "service", "state")
    traffic = {name: counter(f"service_{name}", text, "service") for name, text in TRAFFIC.items()}
    sessions = gauge("service_sessions", "Current sessions, estimated.", "service")
    for key, service in giving_way(status["services"].items()):
        reals = service.get("reals", {}).values()
        info.add_metric((key,), {"name": service.get("name", "")})
        needed.add_metric((key,), service.get("need", 0))
        accepting.add_metric((key,), sum(real.get("state") == "accepting" for real in reals))
        for state, count in service.get("slots", {}).items():
            slots.add_metric((key, state), count)
        for name, family in traffic.items():
            family.add_metric((key,), _total(service, reals, name))
        sessions.add_metric((key,), _total(service, reals, "sessions"))
    yield from (info, needed, accepting, slots, *traffic.values(), sessions)


def _total(service: Mapping[str, Any], reals: Iterable[Mapping[str, Any]], name: str) -> float:
    return float(service[name] if name in service else sum(real.get(name, 0) for real in reals))


def reals(status: Status) -> Iterator[Metric]:
    """A family at a time, and of each some samples at a time: with many reals all of them at once would be
    much memory, and long to free."""
    labels, columns = _columns(status)

    def filled(family: Family, name: str) -> Iterator[Metric]:
        return _filled(family, zip(labels, columns[name], strict=True))

    yield from filled(gauge("real_up", "1 if the real passes its checks, 0 if it fails them.", *_REAL), "up")
    state = gauge("real_state", "1 for the state that the real has in the data path.", *_REAL, "state")
    yield from _filled(state, _states(zip(labels, columns["state"], strict=True)))
    yield from filled(gauge("real_share_ratio", "Of the service's slots.", *_REAL), "share")
    yield from filled(gauge("real_sessions", "Current sessions, estimated.", *_REAL), "sessions")
    for name, text in TRAFFIC.items():
        yield from filled(counter(f"real_{name}", text, *_REAL), name)


def _columns(status: Status) -> tuple[list[Labels], dict[str, list[Any]]]:
    """Of what each real's status has: it is made anew whenever it is asked for."""
    labels: list[Labels] = []
    columns: dict[str, list[Any]] = {name: [] for name in ("up", "state", "share", "sessions", *TRAFFIC)}
    for key, service in giving_way(status["services"].items()):
        for address, real in service.get("reals", {}).items():
            labels.append((key, address))
            for name, column in columns.items():
                column.append(real.get(name, 0))
    return labels, columns


def _states(states: Iterable[tuple[Labels, Any]]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Of each real one sample for every state."""
    for labels, its in states:
        for state in _REAL_STATES:
            yield (*labels, state), its == state


def _filled(family: Family, samples: Iterable[tuple[Sequence[str], float | None]]) -> Iterator[Metric]:
    """The family again and again, each time with other samples. None: there is none."""
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, value)
        if len(family.samples) >= _AT_ONCE:
            yield family
            family.samples = []
    yield family
