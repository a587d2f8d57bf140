"""The status as Prometheus metrics. Names follow https://prometheus.io/docs/practices/naming/;
docs/metrics.md lists them beside VC5's own.

Label values are the document's services and reals, the kernel's tables and reasons, and this host's
interfaces: what a client sends never becomes one, so their number is bounded by the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

Status = Mapping[str, Any]

_TRAFFIC = {
    "packets": "Packets forwarded.",
    "bytes": "Bytes of forwarded frames, as received.",
    "flows": "New flows: TCP connection attempts, SYNs sent again included; UDP flows stored.",
}
_REAL_STATES = ("accepting", "draining", "down")


class StatusCollector(Collector):
    """`status` gives the value that is shown; called once a scrape."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is to be read at registration

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        for part in (_document, _host, _vips, _services, _reals, _packets):
            yield from part(status)


def render(status: Status, accept: str) -> tuple[bytes, str]:
    """The page and its content type, in the format that a scraper's `Accept` header asks for."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: status))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"vc5_{name}", text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"vc5_{name}", text, labels=labels)


def _value(name: str, text: str, value: float) -> GaugeMetricFamily:
    family = _gauge(name, text)
    family.add_metric((), value)
    return family


def _document(status: Status) -> Iterator[Metric]:
    yield InfoMetricFamily("vc5_build", "The version that runs.", {"version": str(status["version"])})
    yield InfoMetricFamily("vc5_document", "The live document.", {"digest": str(status["digest"])})
    yield _value("generation", "Documents made live since the maps were loaded.", status["generation"])
    yield _value("start_time_seconds", "When vc5d was started, since the epoch.", status["started"])
    failed = status.get("reload_failure")
    yield _value("reload_failed", "1 while the last reload changed nothing because it failed.", bool(failed))
    yield _value(
        "drained_targets", "What an operator has drained and not undrained.", len(status.get("drained", ()))
    )


def _host(status: Status) -> Iterator[Metric]:
    attached = _gauge("interface_attached", "1 while the program is on the interface.", "interface", "mode")
    for name, mode in status["interfaces"].items():
        attached.add_metric((name, mode or "none"), bool(mode))
    yield attached
    entries = _gauge("flow_table_entries", "Flows that the tables alone cannot answer for.", "table")
    for table, count in status.get("flows", {}).items():
        entries.add_metric((table,), count)
    yield entries


def _vips(status: Status) -> Iterator[Metric]:
    texts = {
        "up": "1 if every service of the VIP has the reals that it needs.",
        "announced": "1 if the VIP's route is announced.",
        "leaving": "1 if it is announced with GRACEFUL_SHUTDOWN.",
    }
    families = {name: _gauge(f"vip_{name}", text, "vip") for name, text in texts.items()}
    since = _gauge("vip_changed_timestamp_seconds", "When the VIP last went up or down.", "vip")
    announced = set(status.get("announced", ()))
    for vip, state in status.get("vips", {}).items():
        families["up"].add_metric((vip,), state["up"])
        families["announced"].add_metric((vip,), vip in announced)
        families["leaving"].add_metric((vip,), state["leaving"])
        since.add_metric((vip,), state["since"])
    yield from families.values()
    yield since


def _services(status: Status) -> Iterator[Metric]:
    info = InfoMetricFamily("vc5_service", "The service's name.", labels=("service",))
    needed = _gauge("service_reals_needed", "Reals that must accept for the VIP to be up.", "service")
    accepting = _gauge("service_reals_accepting", "Reals that take new flows.", "service")
    slots = _gauge("service_slots", "Slots of the table by state.", "service", "state")
    traffic = {name: _counter(f"service_{name}", text, "service") for name, text in _TRAFFIC.items()}
    sessions = _gauge("service_sessions", "Current sessions, estimated.", "service")
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


def _reals(status: Status) -> Iterator[Metric]:
    names = ("service", "real")
    up = _gauge("real_up", "1 if the real passes its checks, 0 if it fails them.", *names)
    states = _gauge("real_state", "1 for the state that the real has in the data path.", *names, "state")
    share = _gauge("real_share_ratio", "Of the service's slots.", *names)
    sessions = _gauge("real_sessions", "Current sessions, estimated.", *names)
    traffic = {name: _counter(f"real_{name}", text, *names) for name, text in _TRAFFIC.items()}
    for key, service in status["services"].items():
        for address, real in service.get("reals", {}).items():
            labels = (key, address)
            if real.get("up") is not None:
                up.add_metric(labels, real["up"])
            for state in _REAL_STATES:
                states.add_metric((*labels, state), real.get("state") == state)
            share.add_metric(labels, real.get("share", 0))
            sessions.add_metric(labels, real.get("sessions", 0))
            for name, family in traffic.items():
                family.add_metric(labels, real.get(name, 0))
    yield from (up, states, share, sessions, *traffic.values())


def _packets(status: Status) -> Iterator[Metric]:
    kinds = {
        "pass": _counter("packets_passed", "Packets left to this host's own stack.", "reason"),
        "drop": _counter("packets_dropped", "Packets for a VIP that were dropped.", "reason"),
        "answer": _counter("packets_answered", "Packets answered by the program itself.", "reason"),
        "note": _counter("flows_not_stored", "Flows not stored, since inserts are limited.", "reason"),
    }
    for name, count in status.get("reasons", {}).items():
        kind, _, reason = name.partition("_")
        if kind in kinds:
            kinds[kind].add_metric((reason,), count)
    yield from kinds.values()
    timing = status.get("timing") or {}
    if timing.get("packets"):
        seconds = timing["nanoseconds"] / 1e9
        yield _value(
            "program_seconds_average", "Time in the program for a packet.", seconds / timing["packets"]
        )
