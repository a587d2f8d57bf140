"""Metrics of services and of their reals: what grows with the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from .families import TRAFFIC, Status, counter, gauge

_REAL = ("service", "real")
_REAL_STATES = ("accepting", "draining", "down")

Family = GaugeMetricFamily | CounterMetricFamily


def services(status: Status) -> Iterator[Metric]:
    info = InfoMetricFamily("vc5_service", "The service's name.", labels=("service",))
    needed = gauge("service_reals_needed", "Reals that must accept for the VIP to be up.", "service")
    accepting = gauge("service_reals_accepting", "Reals that take new flows.", "service")
    slots = gauge("service_slots", "Slots of the table by state.", "service", "state")
    traffic = {name: counter(f"service_{name}", text, "service") for name, text in TRAFFIC.items()}
    sessions = gauge("service_sessions", "Current sessions, estimated.", "service")
    for key, service in status["services"].items():
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
    """A family at a time: with many reals all of them at once would be much memory."""
    yield _of_reals(
        status, gauge("real_up", "1 if the real passes its checks, 0 if it fails them.", *_REAL), "up"
    )
    yield _states(status)
    yield _of_reals(status, gauge("real_share_ratio", "Of the service's slots.", *_REAL), "share")
    yield _of_reals(status, gauge("real_sessions", "Current sessions, estimated.", *_REAL), "sessions")
    for name, text in TRAFFIC.items():
        yield _of_reals(status, counter(f"real_{name}", text, *_REAL), name)


def _each(status: Status) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    for key, service in status["services"].items():
        for address, real in service.get("reals", {}).items():
            yield (key, address), real


def _of_reals(status: Status, family: Family, name: str) -> Metric:
    """What a real's status has under `name`; None: no sample."""
    for labels, real in _each(status):
        if (found := real.get(name, 0)) is not None:
            family.add_metric(labels, found)
    return family


def _states(status: Status) -> Metric:
    family = gauge("real_state", "1 for the state that the real has in the data path.", *_REAL, "state")
    for labels, real in _each(status):
        for state in _REAL_STATES:
            family.add_metric((*labels, state), real.get("state") == state)
    return family
