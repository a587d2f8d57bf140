"""Metric families with the project's prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Status = Mapping[str, Any]

TRAFFIC = {
    "packets": "Packets forwarded.",
    "bytes": "Bytes of forwarded frames, as received.",
    "flows": "New flows: TCP connection attempts, SYNs sent again included; UDP flows stored.",
}


def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    """`vc5_NAME`, without samples."""
    return GaugeMetricFamily(f"vc5_{name}", text, labels=labels)


def counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    """`vc5_NAME_total`, without samples."""
    return CounterMetricFamily(f"vc5_{name}", text, labels=labels)


def value(name: str, text: str, number: float) -> GaugeMetricFamily:
    """The gauge `vc5_NAME`, with its one sample."""
    family = gauge(name, text)
    family.add_metric((), number)
    return family
