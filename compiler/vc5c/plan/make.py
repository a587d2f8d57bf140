"""Two documents to one Plan."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from ipaddress import ip_network

from vc5c.addresses import Prefix, read_prefix
from vc5c.documents import Document
from vc5c.plan.announced import silent
from vc5c.plan.changes import Change, diff
from vc5c.plan.disruption import Disruption, Effect
from vc5c.plan.hidden import without_secrets
from vc5c.plan.model import natural
from vc5c.plan.sessions import Sessions


@dataclass(frozen=True)
class Side:
    """One of the two documents."""

    source: str
    digest: str


@dataclass(frozen=True)
class Vip:
    """A VIP that would newly be announced or withdrawn, and why; "" where it just comes."""

    address: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """effects: of the services that exist and are touched. notes: what breaks connections and cannot be
    counted. limit: the share above which the plan is refused."""

    old: Side
    new: Side
    changes: tuple[Change, ...]
    announced: tuple[Vip, ...]
    withdrawn: tuple[Vip, ...]
    effects: tuple[Effect, ...]
    notes: tuple[str, ...] = ()
    sessions: Sessions | None = None
    limit: float | None = None
    service_names: Mapping[str, str] = field(default_factory=dict)  # key to key and name, of both sides

    @property
    def worst(self) -> Effect | None:
        """The service of which the largest share is at risk; of equal ones the first. One that is known to
        have no connections has none to lose."""
        counted = [e for e in self.effects if e.at_risk and (self.sessions is None or self.count(e.service))]
        return max(counted, key=lambda effect: effect.at_risk, default=None)

    @property
    def refused(self) -> bool:
        return self.limit is not None and self.worst is not None and self.worst.at_risk > self.limit

    def count(self, service: str) -> int:
        """Its connections; 0 if they were not counted."""
        return self.sessions.get(service, 0) if self.sessions is not None else 0


def make_plan(
    old: Document, new: Document, sessions: Sessions | None = None, limit: float | None = None
) -> Plan:
    """What it means to go from `old` to `new`. Raises NotADocument for tables that cannot be read."""
    if old.digest == new.digest:
        return Plan(_side(old), _side(new), (), (), (), (), (), sessions, limit)
    silent_old, silent_new = silent(old), silent(new)
    withdrawn, announced = _vips(old, new, silent_old, silent_new)
    leaving = {vip.address: vip.reason for vip in withdrawn}
    return Plan(
        _side(old),
        _side(new),
        tuple(map(without_secrets, diff(old, new))),
        announced,
        withdrawn,
        Disruption(old, new, leaving, silent_old).effects(),
        _notes(old, new),
        sessions,
        limit,
        {name: service.title for side in (old, new) for name, service in side.services.items()},
    )


def _side(document: Document) -> Side:
    return Side(document.source, document.digest)


def _vips(
    old: Document, new: Document, silent_old: Mapping[str, str], silent_new: Mapping[str, str]
) -> tuple[tuple[Vip, ...], tuple[Vip, ...]]:
    """Withdrawn and announced."""
    before = {service.vip.text for service in old.services.values()} - silent_old.keys()
    after = {service.vip.text for service in new.services.values()} - silent_new.keys()
    if old.bgp and not new.bgp:
        silent_new = dict.fromkeys(after, "no BGP peer is left") | dict(silent_new)
        after = set()
    withdrawn = [Vip(vip, silent_new.get(vip, "it has no service any more")) for vip in before - after]
    announced = [Vip(vip, f"before, {why}" if (why := silent_old.get(vip)) else "") for vip in after - before]
    return tuple(sorted(withdrawn, key=_order)), tuple(sorted(announced, key=_order))


def _order(vip: Vip) -> tuple[object, ...]:
    return natural(vip.address)


def _notes(old: Document, new: Document) -> tuple[str, ...]:
    return (*_blocked(old, new), *_carved_out(old, new), *_tunnels(old, new))


def _blocked(old: Document, new: Document) -> list[str]:
    """Source prefixes that are dropped from now on."""
    known = {read_prefix(text) for text in old.blocked}
    lengths = {ip_network(prefix.text).prefixlen for prefix in known if prefix}
    fresh = [text for text in new.blocked if not _covered(text, known, lengths)]
    if not fresh:
        return []
    shown = ", ".join(sorted(set(fresh), key=natural)[:5])
    more = f" and {len(fresh) - 5} more" if len(fresh) > 5 else ""
    return [f"connections from newly blocked sources break: {shown}{more}"]


def _covered(text: str, known: Set[Prefix | None], lengths: Set[int]) -> bool:
    """Whether a known prefix has it all. Lists are long, so it is looked up, not compared with each."""
    network = ip_network(text, strict=False)
    wider = (network.supernet(new_prefix=n) for n in lengths if n <= network.prefixlen)
    return any(read_prefix(str(each)) in known for each in wider)


def _carved_out(old: Document, new: Document) -> list[str]:
    """New services on ports that an any-port service has taken so far."""
    notes = []
    for name, service in new.services.items():
        before = old.services.get(f"{service.vip}:0:{service.protocol}")
        if before and name not in old.services:
            notes.append(
                f"{name} is new and takes its port's packets from {before.name}, whose connections on that "
                "port break where the two tables differ"
            )
    return sorted(notes, key=natural)


def _tunnels(old: Document, new: Document) -> list[str]:
    keys = ("tunnel-type", "tunnel-port", "tunnel-dscp")
    changed = [
        name
        for name, service in old.services.items()
        if (after := new.services.get(name))
        and any(service.options.get(k) != after.options.get(k) for k in keys)
    ]
    return [
        f"{name}: another tunnel; its connections live on only if its reals take both"
        for name in sorted(changed, key=natural)
    ]
