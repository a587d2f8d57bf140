"""A plan for a program: schemas/plan.schema.json says what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vc5c.plan.changes import ABSENT, Change
from vc5c.plan.disruption import Effect
from vc5c.plan.make import Plan

FORMAT = 1  # of the JSON: keys may be added to it, none changes its meaning


def render(plan: Plan) -> Iterator[str]:
    """The JSON, sorted and indented, with a newline."""
    yield json.dumps(plain(plan), indent=1, sort_keys=True) + "\n"


def plain(plan: Plan) -> dict[str, Any]:
    """What schemas/plan.schema.json describes."""
    worst = plan.worst
    return {
        "format": FORMAT,
        "old": {"source": plan.old.source, "digest": plan.old.digest},
        "new": {"source": plan.new.source, "digest": plan.new.digest},
        "changed": bool(plan.changes),
        "changes": [_change(change) for change in plan.changes],
        "vips": {
            "announced": [{"vip": vip.address, "reason": vip.reason} for vip in plan.announced],
            "withdrawn": [{"vip": vip.address, "reason": vip.reason} for vip in plan.withdrawn],
        },
        "services": {effect.service: _effect(effect, plan) for effect in plan.effects},
        "notes": list(plan.notes),
        "worst": {"service": worst.service, "at_risk": _rounded(worst.at_risk)} if worst else None,
        "limit": plan.limit,
        "refused": plan.refused,
    }


def _change(change: Change) -> dict[str, Any]:
    kind, name, service = change.object
    told: dict[str, Any] = {"action": change.action, "kind": kind, "name": name}
    if service:
        told["service"] = service
    told["attributes"] = {
        attribute.name: {
            key: value
            for key, value in (("old", attribute.old), ("new", attribute.new))
            if value is not ABSENT
        }
        for attribute in change.attributes
    }
    return told


def _effect(effect: Effect, plan: Plan) -> dict[str, Any]:
    told: dict[str, Any] = {
        "slots_moved": _rounded(effect.moved),
        "at_risk": _rounded(effect.at_risk),
        "protected": _rounded(effect.protected),
        "causes": [
            {
                "why": str(cause.why),
                "at_risk": cause.at_risk,
                "share": _rounded(cause.share),
                "reals": list(cause.reals),
                "detail": cause.detail,
            }
            for cause in effect.causes
        ],
    }
    if plan.sessions is not None:
        count = plan.count(effect.service)
        told["sessions"] = {
            "now": count,
            "at_risk": round(effect.at_risk * count),
            "protected": round(effect.protected * count),
        }
    return told


def _rounded(share: float) -> float:
    """Sums of floats differ in their last digits from machine to machine."""
    return round(share, 9)
