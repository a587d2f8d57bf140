"""A decision for a person."""

from __future__ import annotations

from collections.abc import Iterator

from vc5c.documents import Service
from vc5c.explain.decide import ACCEPTING, DOWN, DRAINING, Decision, Fate, Probe
from vc5c.hashing import LIST_PROBE

OUTCOMES = {
    "PASS_NOT_VIP": "passed to the host's own stack: {vip} is no VIP of the document",
    "DROP_BLOCKED": "dropped: {blocked} is on a block list that is in force",
    "DROP_UNKNOWN_PORT": "dropped: the VIP has no service on {protocol} port {port}, and none for any",
    "DROP_NO_REAL": "dropped: no real of the service accepts",
}
STATES = {ACCEPTING: "accepts", DRAINING: "drains, takes no new flow", DOWN: "is down"}


def render(decision: Decision) -> Iterator[str]:
    """The lines, each with its newline."""
    for head, said in _lines(decision):
        yield f"{head:<12}{said}".rstrip() + "\n"


def _lines(decision: Decision) -> Iterator[tuple[str, str]]:
    flow, service = decision.flow, decision.service
    yield "flow", f"{flow}, new"
    if service is not None:
        yield from _service(service, decision)
        for probe in decision.probes:
            yield _probe(probe, decision)
    if decision.fate == Fate.FORWARDED:
        yield from _outcome(decision)
    else:
        words = {"vip": flow.vip, "port": flow.port, "protocol": flow.protocol, "blocked": decision.blocked}
        yield "outcome", f"{OUTCOMES[decision.reason].format(**words)} [{decision.reason}]"
    if service is not None and decision.established != _only(decision):
        yield (
            "established",
            f"a flow that began before, and is not remembered: {decision.established or 'dropped'}",
        )
    if service is not None and service.withdrawn:
        yield "note", "the VIP is withdrawn (`*`): packets come only from who ignores that"


def _service(service: Service, decision: Decision) -> Iterator[tuple[str, str]]:
    how = "any port of the VIP that has no service of its own" if decision.any_port else "exactly this port"
    yield "service", f"{service.title}: {how}"
    options = [f"track {service.track}"] + ["sticky"] * service.sticky + ["leastconn"] * service.leastconn
    hashed = "source and VIP only" if service.sticky else "addresses, ports, protocol"
    yield "", f"{', '.join(options)}; {service.enabled} of {len(service.reals)} reals enabled"
    shown = "secret, as is the seed" if decision.secret else f"{decision.hash:016x}, seed {decision.seed}"
    yield "hash", f"{shown}; of {hashed}"
    yield "table", f"{service.table.digest[:12]}…, {service.table.size} slots"


def _probe(probe: Probe, decision: Decision) -> tuple[str, str]:
    weight = f", weight {probe.weight}" if probe.weight != 1 else ""
    if probe.number == LIST_PROBE:
        return "list", f"place {probe.slot} of the accepting reals: {probe.real}{weight}"
    state = STATES[probe.state]
    if decision.rule == "owner-drains":
        state = "drains, but keeps its slots: UDP has no SYN to tell new flows by"
    owner = ", the owner" if probe.number == 0 else ""
    return f"probe {probe.number}", f"slot {probe.slot}: {probe.real}{weight}{owner}: {state}"


def _outcome(decision: Decision) -> Iterator[tuple[str, str]]:
    if len(decision.candidates) > 1:
        yield "outcome", "to the one with fewer sessions for its weight, the first at a tie:"
    for real in decision.candidates:
        neighbor = (decision.neighbors or {}).get(real, {})
        vlan = f"VLAN {neighbor['vlan']}" if neighbor.get("vlan") else "no VLAN"
        mac = f"MAC {neighbor['mac']}" if neighbor.get("mac") else "its MAC learned live"
        how = _tunnel(decision) or f"{vlan}, {mac}"
        yield "real" if len(decision.candidates) > 1 else "outcome", f"{real}: {how}"


def _tunnel(decision: Decision) -> str:
    """ "": in layer 2."""
    options = decision.service.options if decision.service else {}
    kind = str(options.get("tunnel-type", "none"))
    if kind == "none":
        return ""
    if kind == "dscp":
        return f"its address for the VIP's, and DSCP {options.get('tunnel-dscp')}; the next hop by the route"
    port = f", port {options['tunnel-port']}" if kind in ("fou", "gue") else ""
    return f"inside {kind}{port}; the next hop by the route"


def _only(decision: Decision) -> str | None:
    return decision.candidates[0] if len(decision.candidates) == 1 else None
