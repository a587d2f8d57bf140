"""The data path's decision about a flow that no flow table knows: bpf/DESIGN.md, docs/document.md.

Independent of the program and of vc5d: tests/bpf/test_explain.py sends packets through the program and
compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vc5c.addresses import read_prefix
from vc5c.documents import Document, Service
from vc5c.explain.question import Flow
from vc5c.hashing import LAST_PROBE, LIST_PROBE, flow_hash, probed, scaled, source_hash

ACCEPTING, DRAINING, DOWN = "accepting", "draining", "down"
States = Mapping[str, str]  # of reals that are not accepting, by address


class Fate(StrEnum):
    FORWARDED = "forwarded"
    DROPPED = "dropped"
    PASSED = "passed"


@dataclass(frozen=True)
class Probe:
    """One look into the table, or (list) into the list of accepting reals; `slot` is the place in either."""

    number: int
    hash: int
    slot: int
    real: str
    state: str
    weight: int
    list: bool = False


@dataclass(frozen=True)
class Decision:
    """reason: the counter that a packet which is not forwarded counts for. candidates: the reals that a new
    flow may go to; two under leastconn, of which the less loaded takes it, the first at a tie. established:
    who gets a flow that began before, of which nothing is remembered. secret: the seed is, and so must the
    hash be: the one can be computed from the other."""

    flow: Flow
    fate: Fate
    reason: str = ""
    blocked: str = ""
    service: Service | None = None
    seed: int = 0
    secret: bool = False
    hash: int = 0
    probes: tuple[Probe, ...] = ()
    candidates: tuple[str, ...] = ()
    established: str | None = None
    rule: str = ""
    neighbors: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def any_port(self) -> bool:
        return self.service is not None and self.service.port == 0


def find_service(document: Document, flow: Flow) -> Service | None:
    """The service of exactly this port, else the VIP's any-port service of the protocol."""
    exact = f"{flow.vip}:{flow.port}:{flow.protocol}"
    return document.services.get(exact) or document.services.get(f"{flow.vip}:0:{flow.protocol}")


def decide(document: Document, flow: Flow, states: States, seed: int) -> Decision:
    """Raises NotADocument for a table that cannot be read."""
    if not any(service.vip == flow.vip for service in document.services.values()):
        return Decision(flow, Fate.PASSED, "PASS_NOT_VIP")
    blocked = next((text for text in document.blocked if _within(flow, text)), "")
    if blocked:
        return Decision(flow, Fate.DROPPED, "DROP_BLOCKED", blocked)
    service = find_service(document, flow)
    if service is None:
        return Decision(flow, Fate.DROPPED, "DROP_UNKNOWN_PORT")
    return _Choice(service, states, _hash(service, flow, seed)).decision(document, flow, seed)


def state_of(service: Service, real: str, states: States) -> str:
    """A disabled real drains unless it is down."""
    told = states.get(real, ACCEPTING)
    return DRAINING if told == ACCEPTING and service.reals[real].disabled else told


def _within(flow: Flow, prefix: str) -> bool:
    network = read_prefix(prefix)
    return network is not None and flow.client in network


def _hash(service: Service, flow: Flow, seed: int) -> int:
    client, vip = flow.client.packed, flow.vip.packed
    if service.sticky:
        return source_hash(client, vip, seed)
    return flow_hash(client, vip, (flow.client_port, flow.port), flow.protocol, seed)


class _Choice:
    """Choosing among a service's reals by one hash."""

    def __init__(self, service: Service, states: States, hash_: int) -> None:
        self._service, self._hash = service, hash_
        self._states = {real: state_of(service, real, states) for real in service.table.reals}

    def decision(self, document: Document, flow: Flow, seed: int) -> Decision:
        service = self._service
        owner = self._probe(0)
        probes, candidates = self._probes()
        established, rule = candidates[0] if candidates else None, "chosen"
        if self._remembers and owner.state != DOWN:
            established = owner.real
        if self._owner_keeps(owner):
            probes, candidates, rule = (owner,), (owner.real,), "owner-drains"
        return Decision(
            flow,
            Fate.FORWARDED if candidates else Fate.DROPPED,
            "" if candidates else "DROP_NO_REAL",
            service=service,
            seed=seed,
            secret=document.seed == "secret",
            hash=self._hash,
            probes=probes,
            candidates=candidates,
            established=established,
            rule=rule,
            neighbors={real: document.neighbors.get(real, {}) for real in candidates},
        )

    @property
    def _remembers(self) -> bool:
        """Whether a packet that begins no flow is taken for one of its owner's. UDP that stores every flow
        takes it for a flow's first."""
        service = self._service
        stored = service.track == "full" or service.leastconn
        return service.track != "minimal" and not (service.protocol == "udp" and stored)

    def _owner_keeps(self, owner: Probe) -> bool:
        """UDP has no SYN: where not every flow is stored, a draining owner gets new flows too."""
        service = self._service
        untold = service.protocol == "udp" and service.track == "needed" and not service.leastconn
        return untold and owner.state == DRAINING

    def _probes(self) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
        """Every look that is taken, and the reals found: as many as are wanted, or fewer."""
        wanted = 2 if self._service.leastconn else 1
        probes: list[Probe] = []
        found: list[str] = []
        for number in range(LAST_PROBE + 1):
            probe = self._probe(number)
            probes.append(probe)
            if probe.state == ACCEPTING and probe.real not in found:
                found.append(probe.real)
            if len(found) == wanted:
                break
        if not found:
            accepting = [real for real in self._service.table.reals if self._states[real] == ACCEPTING]
            if accepting:
                probes.append(self._listed(accepting))
                found.append(probes[-1].real)
        return tuple(probes), tuple(found)

    def _probe(self, number: int) -> Probe:
        table = self._service.table
        hash_ = probed(self._hash, number)
        slot = scaled(hash_, table.size)
        return self._made(number, hash_, slot, table.owner(slot))

    def _listed(self, accepting: list[str]) -> Probe:
        hash_ = probed(self._hash, LIST_PROBE)
        place = scaled(hash_, len(accepting))
        return self._made(LIST_PROBE, hash_, place, accepting[place], in_list=True)

    def _made(self, number: int, hash_: int, slot: int, real: str, in_list: bool = False) -> Probe:
        weight = self._service.reals[real].weight
        return Probe(number, hash_, slot, real, self._states[real], weight, in_list)
