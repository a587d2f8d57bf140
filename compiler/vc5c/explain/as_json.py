"""A decision for a program: schemas/explain.schema.json says what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vc5c.explain.decide import Decision, Probe

FORMAT = 1  # of the JSON: keys may be added to it, none changes its meaning


def render(decision: Decision) -> Iterator[str]:
    """The JSON, sorted and indented, with a newline."""
    yield json.dumps(plain(decision), indent=1, sort_keys=True) + "\n"


def plain(decision: Decision) -> dict[str, Any]:
    """What schemas/explain.schema.json describes."""
    flow, service = decision.flow, decision.service
    told: dict[str, Any] = {
        "format": FORMAT,
        "flow": {
            "client": flow.client.text,
            "client_port": flow.client_port,
            "vip": flow.vip.text,
            "port": flow.port,
            "protocol": flow.protocol,
        },
        "fate": str(decision.fate),
        "reason": decision.reason or None,
        "blocked_by": decision.blocked or None,
    }
    if service is None:
        return told
    return told | {
        "service": service.name,
        "any_port": decision.any_port,
        "sticky": service.sticky,
        "scheduler": "leastconn" if service.leastconn else "maglev",
        "track": service.track,
        "tunnel": service.options.get("tunnel-type", "none"),
        "hash": None if decision.secret else f"{decision.hash:016x}",
        "table": {"digest": service.table.digest, "size": service.table.size},
        "probes": [_probe(probe) for probe in decision.probes],
        "owner_drains": decision.rule == "owner-drains",
        "reals": [
            {"address": real, **(decision.neighbors or {}).get(real, {})} for real in decision.candidates
        ],
        "established": decision.established,
    }


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "number": probe.number,
        "of": "list" if probe.list else "table",
        "slot": probe.slot,
        "real": probe.real,
        "state": probe.state,
        "weight": probe.weight,
    }
