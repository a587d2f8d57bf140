"""What `vc5ctl status` shows, as JSON: the kernel's side (a snapshot) and the daemon's, side by side."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import socket
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from ..announce.vips import VipState
from ..document import Document, Service, ServiceKey
from ..health.state import Condition
from ..health.watch import Seen
from ..jsonparts import Packed
from ..loop.courtesy import giving_way
from ..plane import Captured
from .drains import Drains

VERSION = importlib.metadata.version("vc5")


@dataclasses.dataclass(frozen=True)
class ReloadFailure:
    """Why the last reload changed nothing. when: seconds since the epoch."""

    message: str
    hint: str
    when: float


@dataclasses.dataclass(frozen=True)
class DaemonSide:
    """started: when vc5d was, in seconds since the epoch. document: the file. interfaces: name -> XDP mode.
    announced: VIPs that have their route. vips: of each VIP. drained: what an operator has taken out. live:
    when the document became so; unseen_since: since when frames pass the program by, None: they do not; both
    in seconds since the epoch. sinks: of each what became of its events. sharing: of flows, with others.
    fleet: who the others are (fleet/showing.py)."""

    started: float
    document: Path
    interfaces: Mapping[str, str]
    announced: frozenset[str]
    vips: Mapping[str, VipState]
    drained: Drains
    reload_failure: ReloadFailure | None
    live: float = 0.0
    sinks: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unseen_since: float | None = None
    sharing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fleet: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class KnowsReals(Protocol):
    """What reals.Reals knows of each."""

    def condition(self, key: ServiceKey, address: str) -> Condition: ...
    def seen(self, key: ServiceKey, address: str) -> Seen: ...


def status(
    document: Document,
    captured: Captured,
    reals: KnowsReals,
    daemon: DaemonSide,
) -> dict[str, Any]:
    """The snapshot's own keys at the top, and in each service and real what the daemon knows beside them.
    `services` are packed: a million objects that stay would be looked at by the collector again and again.
    Takes long with many reals: not for the event loop's own thread."""
    snapshot = captured.snapshot()
    result: dict[str, Any] = {
        **{name: plain(value) for name, value in vars(snapshot).items() if name != "services"},
        **{name: plain(value) for name, value in vars(daemon).items() if name != "drained"},
        "drained": daemon.drained.listed(),
        "version": VERSION,
        "host": socket.gethostname(),
    }
    services = {str(key): service for key, service in document.services.items()}
    texts: dict[str, str] = {}
    for name in giving_way({**dict.fromkeys(snapshot.services), **services}):
        shown = plain(snapshot.services[name]) if name in snapshot.services else {}
        if name in services:
            _add(shown, services[name], reals, daemon)
        texts[name] = json.dumps(shown, sort_keys=True)
    return result | {"services": Packed(texts)}


def _add(shown: dict[str, Any], service: Service, reals: KnowsReals, daemon: DaemonSide) -> None:
    """What the daemon knows of a service."""
    key = service.key
    shown.update(name=service.name, need=service.need)
    for address, real in service.reals.items():
        condition, seen = reals.condition(key, address), reals.seen(key, address)
        shown.setdefault("reals", {}).setdefault(address, {}).update(
            up=condition.up,
            reason=condition.reason,
            disabled=real.disabled,
            drained=daemon.drained.real(key, address),
            weight=real.weight,
            since=seen.since,
            checked=vars(seen.checked) if seen.checked else None,
        )


def counts(captured: Captured) -> dict[str, Any]:
    """What web.overview.brief makes of a status."""
    return {"services": captured.sums(), "reasons": captured.counted_reasons()}


_PLAIN = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """Dataclasses, mappings, enums and numpy scalars as JSON knows them; keys become text."""
    if type(value) in _PLAIN:  # most are, and there may be very many
        return value
    if isinstance(value, Enum):
        return value.name.lower()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(each) for name, each in vars(value).items()}
    if isinstance(value, Mapping):
        return {_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in value), key=_in_order)
    if isinstance(value, Path):
        return str(value)
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _in_order(value: Any) -> tuple[bool, Any]:
    """Of a set's members, of which JSON has no order: texts and numbers by themselves, others as written."""
    return (False, value) if type(value) in _PLAIN else (True, json.dumps(value, sort_keys=True))


def _key(key: Any) -> str:
    return key.name.lower() if isinstance(key, Enum) else str(key)
