"""The status, cut down to what the console shows at once: totals, VIPs, a row for each service. Reals are
asked for by service. Pure: rates are made from two statuses and the time between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..xdp.reason_words import words

Status = Mapping[str, Any]
View = dict[str, dict[str, Any]]  # section -> key -> what is shown of it

COUNTED = ("packets", "bytes", "flows")
_HOST = (
    "host",
    "version",
    "started",
    "live",
    "digest",
    "generation",
    "interfaces",
    "drained",
    "reload_failure",
)


def totals(status: Status) -> dict[str, float]:
    """Of all services since vc5d's maps came, beside `sessions`, which is now; and packets dropped."""
    counts = dict.fromkeys((*COUNTED, "sessions"), 0.0)
    for service in status["services"].values():
        for name, value in sums(service).items():
            counts[name] += value
    dropped = sum(count for name, count in status.get("reasons", {}).items() if name.startswith("drop_"))
    return counts | {"drops": float(dropped)}


def brief(status: Status) -> Status:
    """What the next status is compared with: it holds nothing of this one's reals, of which there may be very
    many."""
    services = {key: sums(service) for key, service in status["services"].items()}
    return {"services": services, "reasons": dict(status.get("reasons", {}))}


def sums(service: Mapping[str, Any]) -> dict[str, float]:
    """A service's counts: its own where the status has them, else its reals', summed."""
    names = (*COUNTED, "sessions")
    if all(name in service for name in names):
        return {name: float(service[name]) for name in names}
    reals = list(service.get("reals", {}).values())
    return {name: float(sum(real.get(name, 0) for real in reals)) for name in names}


def point(
    before: Mapping[str, float], after: Mapping[str, float], time: float, seconds: float
) -> list[float]:
    """For the graphs: [time, packets/s, bytes/s, flows/s, sessions, drops/s]."""
    packets, size, flows, drops = (rate(before[name], after[name], seconds) for name in (*COUNTED, "drops"))
    return [round(time, 1), packets, size, flows, after["sessions"], drops]


def rate(before: float, after: float, seconds: float) -> float:
    """A second; 0 when a counter began anew."""
    return round(max(0.0, after - before) / seconds, 1) if seconds > 0 else 0.0


def view(status: Status, before: Status | None, seconds: float) -> View:
    """Sections host, vips, services, reasons, fleet, peers."""
    former = before or status
    return {
        "host": {name: status.get(name) for name in _HOST},
        "vips": _vips(status),
        "services": {
            key: _service(service, former["services"].get(key, service), seconds)
            for key, service in status["services"].items()
        },
        "reasons": _reasons(status.get("reasons", {}), former.get("reasons", {}), seconds),
        **_fleet(status.get("fleet") or {}),
    }


def _fleet(fleet: Mapping[str, Any]) -> View:
    """Nothing that changes by itself each second. No section without others, unless there should be some."""
    if not fleet.get("on"):
        return {"fleet": {"off": fleet["why"]}} if fleet.get("wanted") and fleet["why"] else {}
    peers = {
        peer["address"]: {name: peer[name] for name in ("name", "digest", "agrees", "learning", "moving")}
        for peer in fleet["peers"]
    }
    names = ("agreed", "settled", "learned", "learned_why", "documents", "held", "kept")
    return {"fleet": {name: fleet[name] for name in names}, "peers": peers}


def _vips(status: Status) -> dict[str, Any]:
    announced = set(status.get("announced", ()))
    return {
        vip: {name: state.get(name) for name in ("up", "leaving", "why", "priority", "since")}
        | {"announced": vip in announced}
        for vip, state in status.get("vips", {}).items()
        if isinstance(state, Mapping)
    }


def _service(service: Mapping[str, Any], before: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    now, then = sums(service), sums(before)
    row: dict[str, Any] = {"name": service.get("name", ""), "need": service.get("need", 0)}
    row |= _states(service.get("reals", {}).values())
    row |= {name: rate(then[name], now[name], seconds) for name in COUNTED}
    moving = service.get("slots", {})
    return row | {"sessions": now["sessions"], "transition": moving.get("transition", 0)}


def _states(reals: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counts = {"reals": 0, "accepting": 0, "draining": 0, "down": 0}
    for real in reals:
        counts["reals"] += 1
        if (state := real.get("state")) in counts:
            counts[state] += 1
    return counts


def _reasons(now: Mapping[str, int], before: Mapping[str, int], seconds: float) -> dict[str, Any]:
    return {
        name: {"count": count, "rate": rate(before.get(name, 0), count, seconds), "words": words(name)}
        for name, count in now.items()
    }


def delta(before: View, after: View) -> dict[str, Any]:
    """What a client that has `before` needs to have `after`: {section: {"changed": {…}, "gone": […]}}."""
    changes = {}
    for section, now in after.items():
        then = before.get(section, {})
        changed = {key: each for key, each in now.items() if then.get(key, _NOTHING) != each}
        gone = [key for key in then if key not in now]
        if changed or gone:
            changes[section] = {"changed": changed, "gone": gone}
    return changes


_NOTHING = object()
