"""Metrics of flows that are shared with other load balancers; nothing while none are."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from .families import Status, counter, gauge, value


def sharing(status: Status) -> Iterator[Metric]:
    shared = status.get("sharing")
    if shared is None:
        return
    yield value("sharing_on", "1 while flows are shared with other load balancers.", bool(shared.get("on")))
    peers = gauge("sharing_peer_heard_seconds", "Since a load balancer was heard last.", "peer")
    for node in (shared.get("nodes") or {}).values():
        peers.add_metric((node["address"],), node["heard"])
    yield peers
    texts = {
        ("sent", "datagrams"): "Datagrams sent.",
        ("sent", "flows"): "Flows sent, refreshed and repeated ones included.",
        ("received", "datagrams"): "Datagrams that were believed.",
        ("received", "flows"): "Flows in them.",
        ("told", "limited"): "Flows that were not told at once, since that is limited.",
        ("told", "full"): "Flows that were not told at once, since nobody read of them.",
    }
    for (part, name), text in texts.items():
        family = counter(f"sharing_{part}_{name}", text)
        family.add_metric((), (shared.get(part) or {}).get(name, 0))
        yield family
    unsent = counter("sharing_unsent_datagrams", "Datagrams that the kernel did not send.")
    unsent.add_metric((), shared.get("unsent", 0))
    yield unsent
    dropped = counter("sharing_dropped", "Datagrams that were not believed.", "reason")
    merged = counter("sharing_merged_flows", "What became of flows that came.", "as")
    for family, counts in ((dropped, shared.get("dropped")), (merged, shared.get("merged"))):
        for name, count in (counts or {}).items():
            family.add_metric((name,), count)
        yield family
    yield value("sharing_aside_flows", "Flows of what is not known here, kept aside.", shared.get("aside", 0))
    seconds = counter("sharing_cpu_seconds", "CPU time of the process that shares flows.")
    seconds.add_metric((), shared.get("cpu", 0))
    yield seconds
