"""A plan for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from vc5c.plan import words
from vc5c.plan.changes import ADD, REMOVE, Change
from vc5c.plan.disruption import Effect
from vc5c.plan.make import Plan
from vc5c.plan.model import natural
from vc5c.report.human import BOLD, PLAIN, RED, YELLOW

GREEN = "\x1b[32m"
COLOURS = {"+": GREEN, "-": RED, "~": YELLOW}


def render(plan: Plan, colour: bool = False) -> Iterator[str]:
    """The lines, each with its newline."""
    for line in _lines(plan):
        yield (_coloured(line) if colour else line) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    if not plan.changes:
        yield f"No changes: {plan.new.source} and {plan.old.source} are the same, {plan.old.digest}."
        return
    yield f"{plan.old.source}  {plan.old.digest}"
    yield f"-> {plan.new.source}  {plan.new.digest}"
    effects = {effect.service: effect for effect in plan.effects}
    yield from _services(plan, effects)
    others = [change for change in plan.changes if change.object.kind not in ("service", "real")]
    if others or plan.announced or plan.withdrawn:
        yield ""
    yield from _objects(others, plan)
    for sign, vips, done in (("+", plan.announced, "announced"), ("-", plan.withdrawn, "withdrawn")):
        for vip in vips:
            yield f"{sign} VIP {vip.address} would be {done}" + (f": {vip.reason}" if vip.reason else "")
    yield ""
    for note in plan.notes:
        yield f"Not counted: {note}."
    yield f"Plan: {words.counts(plan)}."
    yield f"Connections: {words.verdict(plan)}."


def _services(plan: Plan, effects: dict[str, Effect]) -> Iterator[str]:
    """Each service that is changed or touched, with its reals and what becomes of its connections."""
    changes: dict[str, list[Change]] = {}
    for change in plan.changes:
        if change.object.kind in ("service", "real"):
            changes.setdefault(change.object.service or change.object.name, []).append(change)
    for service in sorted(changes.keys() | effects.keys(), key=natural):
        yield ""
        yield from _service(service, changes.get(service, []), plan)
        if service in effects:
            effect = effects[service]
            yield f"    {words.share_line(effect, plan)}"
            for cause in effect.causes:
                told = words.percent(cause.share) + (" at risk" if cause.at_risk else " protected")
                yield f"      {told if cause.share else 'none'}: {words.cause(cause)}"


def _service(service: str, changes: list[Change], plan: Plan) -> Iterator[str]:
    own = next((change for change in changes if change.object.kind == "service"), None)
    reals = [change for change in changes if change.object.kind == "real"]
    if own is None:
        yield f"~ service {plan.service_names.get(service, service)}"
    else:
        yield f"{words.SIGNS[own.action]} {words.title(own, plan)}"
    if own and own.action == REMOVE:
        return
    if own and own.action == ADD:
        yield f"    + reals: {words.some([change.object.name for change in reals])}"
        reals = []
    for attribute in own.attributes if own else ():
        yield f"    {'+' if own and own.action == ADD else '~'} {attribute.name}: {words.values(attribute)}"
    for change in reals:
        yield f"    {words.SIGNS[change.action]} real {change.object.name}{_of_real(change)}"


def _of_real(change: Change) -> str:
    if change.action == REMOVE:
        return ""
    told = []
    for attribute in change.attributes:
        if attribute.name == "disabled" and change.action != ADD:
            told.append("disabled" if attribute.new else "enabled")
        elif change.action != ADD:
            told.append(f"{attribute.name} {words.values(attribute)}")
        elif attribute.name == "disabled":
            told += ["disabled"] if attribute.new else []
        elif (attribute.name, attribute.new) != ("weight", 1):
            told.append(f"{attribute.name} {words.values(attribute)}")
    return f": {', '.join(told)}" if told else ""


def _objects(changes: list[Change], plan: Plan) -> Iterator[str]:
    """One after the other; neighbors that come and go with many reals in a line."""
    for sign, action in (("+", ADD), ("-", REMOVE)):
        some = [c for c in changes if c.object.kind == "neighbor" and c.action == action and not _pinned(c)]
        if len(some) > words.FEW:
            yield f"{sign} neighbors {words.some([change.object.name for change in some])}"
            left = set(map(id, some))
            changes = [change for change in changes if id(change) not in left]
    for change in changes:
        yield from _object(change, plan)


def _pinned(change: Change) -> bool:
    """It gives a MAC, which nobody would miss in a list."""
    return any(each.name == "mac" and isinstance(each.new, str) for each in change.attributes)


def _object(change: Change, plan: Plan) -> Iterator[str]:
    head = f"{words.SIGNS[change.action]} {words.title(change, plan)}"
    if change.action == REMOVE:
        yield head
        return
    if words.is_plain(change):
        yield f"{head}: {words.values(change.attributes[0])}"
        return
    if change.action == ADD:
        told = [f"{each.name} {words.values(each)}" for each in change.attributes if each.new is not None]
        yield f"{head}: {', '.join(told)}" if told else head
        return
    yield head
    for attribute in change.attributes:
        yield f"    ~ {attribute.name}: {words.values(attribute)}"


def _coloured(line: str) -> str:
    """By its sign; what is at risk is red."""
    sign = line.lstrip()[:2].strip()
    if line.startswith(("Plan:", "Connections:", "No changes")):
        return f"{BOLD}{line}{PLAIN}"
    if sign in COLOURS:
        at = line.index(sign)
        return f"{line[:at]}{COLOURS[sign]}{sign}{PLAIN}{line[at + 1 :]}"
    return f"{RED}{line}{PLAIN}" if " at risk: " in line else line
