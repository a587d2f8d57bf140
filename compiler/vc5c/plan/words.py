"""What a plan says, in words that all of its forms share. No colour, no layout."""

from __future__ import annotations

import json
from typing import Any

from vc5c.plan.changes import ABSENT, ADD, REMOVE, Attribute, Change
from vc5c.plan.disruption import Cause, Effect, Why
from vc5c.plan.make import Plan
from vc5c.plan.model import natural
from vc5c.report.human import printable

SIGNS = {ADD: "+", REMOVE: "-", "change": "~"}
NAMES = {"vlan": "VLAN", "vlan6": "VLAN (IPv6)", "peer": "BGP peer", "block": "block list of level"}
FEW = 8  # of a list that is shown

# {reals}: which; {detail}: of the cause.
CAUSES = {
    Why.REMOVED: "the service is removed: {detail}, and its packets are dropped",
    Why.WITHDRAWN: "its VIP is withdrawn: {detail}",
    Why.NOT_ANNOUNCED: "its VIP was not announced, so it has no connections: {detail}",
    Why.MOVED: "slots change owner; the flows stay where they are, in transition",
    Why.LEAVING: "{reals}: removed; drains, and keeps its flows while it is alive",
    Why.DRAINING: "{reals}: disabled; drains, and keeps its flows while it is alive",
    Why.RETURNING: "{reals}: enabled; flows that began elsewhere meanwhile stay there",
    Why.UNTRACKED: "no flow is remembered (`track: minimal`, now or before)",
    Why.FIRST_PACKET: "UDP flows that were not stored so far are taken for new ones",
    Why.LEASTCONN_OFF: "about half of the flows are with their second choice: only the flow table knows",
    Why.LEASTCONN_ON: "UDP flows that were not stored so far are taken for new ones: half go to another real",
    Why.TAKEN_OVER: "the service is removed, and {detail}: not all find their real there",
}


def percent(share: float) -> str:
    """A share of 0 to 1: one decimal, two below one percent, and never 0 for what is not."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    number = 100 * share
    if number < 0.01:
        return "<0.01 %"
    if number > 99.9:
        return ">99.9 %"
    return f"{number:.1f} %" if number >= 1 else f"{number:.2f} %"


def cause(item: Cause) -> str:
    said: str = CAUSES[item.why].format(reals=some(item.reals), detail=printable(item.detail))
    return said


def some(items: tuple[str, ...] | list[str], few: int = FEW) -> str:
    """The first of many, and how many more."""
    listed = sorted(items, key=natural)
    rest = len(listed) - few
    return ", ".join(listed[:few]) + (f" and {rest} more" if rest > 0 else "")


def share_line(effect: Effect, plan: Plan) -> str:
    """`2.1 % of slots move; 0 % of connections at risk, 2.1 % protected by tracking`."""
    risk, safe = _counted(effect.at_risk, effect, plan), _counted(effect.protected, effect, plan)
    moved = f"{percent(effect.moved)} of slots move"
    return f"{moved}; {risk} of connections at risk, {safe} protected by tracking"


def _counted(share: float, effect: Effect, plan: Plan) -> str:
    if plan.sessions is None:
        return percent(share)
    return f"{percent(share)} ({round(share * plan.count(effect.service)):,})"


def title(change: Change, plan: Plan) -> str:
    """What is changed: `service 192.168.101.1:80:tcp (web)`."""
    kind, name, _ = change.object
    if kind == "setting":
        return name
    shown = plan.service_names.get(name, name) if kind == "service" else printable(name)
    return f"{NAMES.get(kind, kind)} {shown}"


def is_plain(change: Change) -> bool:
    """One value that says all: shown on the object's own line."""
    return len(change.attributes) == 1 and change.attributes[0].name in ("value", "prefix", "digest")


def values(attribute: Attribute) -> str:
    """`old -> new`, of lists what goes and comes; of something new its value alone."""
    old, new = attribute.old, attribute.new
    if old is ABSENT:
        return value(new)
    if new is ABSENT:
        return f"{value(old)} -> nothing"
    if _is_words(old) and _is_words(new) and len(old) + len(new) > 2:
        gone, come = ([v for v in one if v not in other] for one, other in ((old, set(new)), (new, set(old))))
        told = [f"{sign} {some(each)}" for sign, each in (("-", gone), ("+", come)) if each]
        if told:
            return "; ".join(told)
    return f"{value(old)} -> {value(new)}"


def value(given: Any) -> str:
    """A value as a person would write it."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return str(given).lower()
    if _is_words(given):
        return some([printable(word) for word in given]) or "none"
    if isinstance(given, list) and all(isinstance(each, dict) and "type" in each for each in given):
        return "; ".join(_check(each) for each in given) or "none"
    text = given if isinstance(given, str) else json.dumps(given, sort_keys=True)
    text = printable(text)
    return text if len(text) <= 120 else text[:119] + "…"


def _is_words(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(each, str) for each in given)


def _check(check: dict[str, Any]) -> str:
    """`http path=/alive expect=200`."""
    rest = (f"{key}={_short(check[key])}" for key in sorted(check) if key != "type")
    return " ".join((str(check["type"]), *rest))


def _short(given: Any) -> str:
    return ",".join(map(str, given)) if isinstance(given, list) else printable(str(given))


def counts(plan: Plan) -> str:
    """`services: 1 to add, 2 to change; reals: …`."""
    told = []
    touched = {c.object.service for c in plan.changes if c.object.kind == "real"}
    listed = {c.object.name for c in plan.changes if c.object.kind == "service"}
    number = {action: _count(plan, action, ("service",)) for action in SIGNS}
    number["change"] += len(touched - listed)
    told.append(_to_do("service", number))
    told.append(_to_do("real", {action: _count(plan, action, ("real",)) for action in SIGNS}))
    others = tuple({c.object.kind for c in plan.changes} - {"service", "real"})
    told.append(_to_do("other", {action: _count(plan, action, others) for action in SIGNS}))
    return "; ".join(each for each in told if each)


def _count(plan: Plan, action: str, kinds: tuple[str, ...]) -> int:
    return sum(change.action == action and change.object.kind in kinds for change in plan.changes)


def _to_do(name: str, number: dict[str, int]) -> str:
    parts = [f"{number[action]} to {action}" for action in (ADD, "change", REMOVE) if number[action]]
    return f"{name}s: {', '.join(parts)}" if parts else ""


def verdict(plan: Plan) -> str:
    """Of the whole plan: the service that is hit worst, and of all connections if they were counted."""
    worst = plan.worst
    if worst is None:
        return "no connections at risk"
    said = f"worst {worst.title}: {percent(worst.at_risk)} of its connections at risk"
    if plan.sessions is None:
        return said
    total = sum(plan.sessions.values())
    lost = sum(round(effect.at_risk * plan.count(effect.service)) for effect in plan.effects)
    return f"{said}; of all {total:,} connections {lost:,} ({percent(lost / total if total else 0)})"


def refusal(plan: Plan) -> str:
    """Why a plan is refused; "" if it is not."""
    if not plan.refused or plan.worst is None or plan.limit is None:
        return ""
    risk = percent(plan.worst.at_risk)
    limit = f"{100 * plan.limit:g} %"
    return f"refused: {risk} of the connections of {plan.worst.title} at risk; --fail-above allows {limit}"
