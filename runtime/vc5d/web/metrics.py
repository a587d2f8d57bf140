"""The status as Prometheus metrics. Names follow https://prometheus.io/docs/practices/naming/;
docs/metrics.md lists them beside VC5's own.

Label values are the document's services and reals, the kernel's tables and reasons, and this host's
interfaces: what a client sends never becomes one, so their number is bounded by the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ..loop.courtesy import giving_way
from . import metrics_fleet, metrics_services, metrics_sharing
from .families import Status, counter, gauge, value

_BLOCK = 1 << 16  # bytes


class StatusCollector(Collector):
    """`status` gives the value that is shown; called once a scrape. reals: whether each has its series."""

    def __init__(self, status: Callable[[], Status], *, reals: bool = True) -> None:
        self._status, self._reals = status, reals

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is to be read at registration

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        for part in (
            _document,
            _host,
            _vips,
            _packets,
            _sinks,
            metrics_sharing.sharing,
            metrics_fleet.fleet,
            metrics_services.services,
        ):
            yield from part(status)
        if self._reals:
            yield from metrics_services.reals(status)


class _Given(Collector):
    """What is collected already."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(
    status: Status, accept: str, activity: CollectorRegistry | None = None, *, reals: bool = True
) -> tuple[list[bytes], str]:
    """The page in parts and its content type, in the format that a scraper's `Accept` header asks for. Each
    part is small: with many reals the page is long, and to join it would hold the interpreter. activity: what
    is counted beside the status."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: status, reals=reals))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    end = encode(_Given())  # what the format ends a page with
    parts, name = list[bytes](), ""
    for metric in giving_way(chain(registry.collect(), activity.collect() if activity else ())):
        part = encode(_Given(metric)).removesuffix(end)
        parts.append(_without_head(part) if metric.name == name else part)
        name = metric.name
    return list(_in_blocks([*parts, end])), content_type


def _in_blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Joined to about 64 kB each: every one is a turn of the event loop."""
    block, size = list[bytes](), 0
    for part in parts:
        block.append(part)
        size += len(part)
        if size >= _BLOCK:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def _without_head(part: bytes) -> bytes:
    """Of a family that goes on: its help and type are told."""
    while part.startswith(b"#"):
        part = part.partition(b"\n")[2]
    return part


def _document(status: Status) -> Iterator[Metric]:
    yield InfoMetricFamily("vc5_build", "The version that runs.", {"version": str(status["version"])})
    yield InfoMetricFamily("vc5_document", "The live document.", {"digest": str(status["digest"])})
    yield value("generation", "Documents made live since the maps were loaded.", status["generation"])
    yield value("generation_timestamp_seconds", "When the live document became so.", status.get("live", 0))
    yield value("start_time_seconds", "When vc5d was started, since the epoch.", status["started"])
    failed = status.get("reload_failure")
    yield value("reload_failed", "1 while the last reload changed nothing because it failed.", bool(failed))
    yield value(
        "drained_targets", "What an operator has drained and not undrained.", len(status.get("drained", ()))
    )


def _host(status: Status) -> Iterator[Metric]:
    attached = gauge("interface_attached", "1 while the program is on the interface.", "interface", "mode")
    for name, mode in status["interfaces"].items():
        attached.add_metric((name, mode or "none"), bool(mode))
    yield attached
    unseen = status.get("unseen_since") is not None
    yield value("traffic_unseen", "1 while frames arrive and the program counts none of them.", unseen)
    entries = gauge("flow_table_entries", "Flows that the tables alone cannot answer for.", "table")
    for table, count in status.get("flows", {}).items():
        entries.add_metric((table,), count)
    yield entries
    yield from _capacity(status)


def _capacity(status: Status) -> Iterator[Metric]:
    room = gauge("map_capacity_entries", "Entries that a map of the data path has room for.", "map")
    used = gauge("map_entries", "Entries of it in use.", "map")
    for name, each in (status.get("capacity") or {}).items():
        room.add_metric((name,), each["room"])
        used.add_metric((name,), each["used"])
    yield from (room, used)


def _vips(status: Status) -> Iterator[Metric]:
    texts = {
        "up": "1 if every service of the VIP has the reals that it needs.",
        "announced": "1 if the VIP's route is announced.",
        "leaving": "1 if it is announced with GRACEFUL_SHUTDOWN.",
    }
    families = {name: gauge(f"vip_{name}", text, "vip") for name, text in texts.items()}
    since = gauge("vip_changed_timestamp_seconds", "When the VIP last went up or down.", "vip")
    announced = set(status.get("announced", ()))
    for vip, state in status.get("vips", {}).items():
        families["up"].add_metric((vip,), state["up"])
        families["announced"].add_metric((vip,), vip in announced)
        families["leaving"].add_metric((vip,), state["leaving"])
        since.add_metric((vip,), state["since"])
    yield from families.values()
    yield since


def _packets(status: Status) -> Iterator[Metric]:
    kinds = {
        "pass": counter("packets_passed", "Packets left to this host's own stack.", "reason"),
        "drop": counter("packets_dropped", "Packets for a VIP that were dropped.", "reason"),
        "answer": counter("packets_answered", "Packets answered by the program itself.", "reason"),
        "note": counter("flows_not_stored", "Flows not stored, since inserts are limited.", "reason"),
    }
    for name, count in status.get("reasons", {}).items():
        kind, _, reason = name.partition("_")
        if kind in kinds:
            kinds[kind].add_metric((reason,), count)
    yield from kinds.values()
    if status.get("packet_ns") is not None:
        text = "Time in the program for a packet, on average of the last seconds."
        yield value("program_packet_seconds", text, status["packet_ns"] / 1e9)


def _sinks(status: Status) -> Iterator[Metric]:
    queued = gauge("sink_queued", "Events that wait to be sent.", "sink")
    failing = gauge("sink_failing", "1 while the sink takes nothing.", "sink")
    sent = counter("sink_sent", "Events that the sink took.", "sink")
    dropped = counter("sink_dropped", "Events that were never sent.", "sink")
    for name, sink in (status.get("sinks") or {}).items():
        queued.add_metric((name,), sink["queued"])
        failing.add_metric((name,), sink["last_error"] is not None)
        sent.add_metric((name,), sink["sent"])
        dropped.add_metric((name,), sink["dropped"])
    yield from (queued, failing, sent, dropped)
