"""Metrics of the fleet as this load balancer sees it; nothing of it while it is alone."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from .families import Status, gauge, value


def fleet(status: Status) -> Iterator[Metric]:
    seen = status.get("fleet") or {}
    if not seen.get("on"):
        return
    peers = seen["peers"]
    yield value("fleet_peers", "Other load balancers that are there.", len(peers))
    yield value("fleet_agreed", "1 if all of them have this one's document.", seen["agreed"])
    yield value("fleet_documents", "Documents that the fleet has at this moment.", len(seen["documents"]))
    yield value("fleet_settled", "1 if none of them has a table from before a transition.", seen["settled"])
    yield value("fleet_learned", "1 once all is known that others held at the start.", seen["learned"])
    yield value("fleet_held_reals", "New reals that wait until all have them.", len(seen["held"]))
    text = "Reals that only others say are up: established flows stay there."
    yield value("fleet_kept_reals", text, len(seen["kept"]))
    agrees = gauge("fleet_peer_agrees", "1 if it has this one's document.", "peer", "host")
    heard = gauge("fleet_peer_heard_seconds", "Since it was heard last.", "peer", "host")
    since = gauge("fleet_peer_seconds", "Since it was heard first.", "peer", "host")
    for peer in peers:
        names = (peer["address"], peer["name"])
        agrees.add_metric(names, peer["agrees"])
        heard.add_metric(names, peer["heard"])
        since.add_metric(names, peer["since"])
    yield from (agrees, heard, since)
