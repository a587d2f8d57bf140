"""A plan as a comment under a pull request: a table of what may break, the rest folded away, and short enough
to be accepted (GitHub takes 65,536 characters)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vc5c.plan import text, words
from vc5c.plan.disruption import Effect
from vc5c.plan.make import Plan

ROWS = 20
DETAILS = 30_000  # characters
FENCE = "`````"  # longer than any that a name might hold, see _fenced


def render(plan: Plan) -> Iterator[str]:
    """The lines, each with its newline."""
    for line in _lines(plan):
        yield line + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    if not plan.changes:
        yield "**vc5c plan**: no changes."
        return
    refusal = words.refusal(plan)
    yield f"**vc5c plan**: {_plain(words.counts(plan))}"
    yield ""
    said = _plain(refusal or words.verdict(plan))
    yield f"{'❌ ' if plan.refused else ''}{said[:1].upper()}{said[1:]}."
    yield from _table(plan)
    for vips, done in ((plan.announced, "announced"), (plan.withdrawn, "withdrawn")):
        if vips:
            yield ""
            yield f"VIPs that would be {done}: {words.some([vip.address for vip in vips], ROWS)}."
    for note in plan.notes[:ROWS]:
        yield ""
        yield f"Not counted: {_plain(note)}."
    yield from _details(plan)


def _table(plan: Plan) -> Iterator[str]:
    effects = sorted(plan.effects, key=lambda effect: (-effect.at_risk, -effect.moved))
    if not effects:
        return
    yield ""
    yield "| service | slots move | at risk | protected | why |"
    yield "|---|--:|--:|--:|---|"
    for effect in effects[:ROWS]:
        yield _row(effect, plan)
    if len(effects) > ROWS:
        yield f"| … {len(effects) - ROWS} more | | | | |"


def _row(effect: Effect, plan: Plan) -> str:
    risk, safe = words.percent(effect.at_risk), words.percent(effect.protected)
    if plan.sessions is not None:
        count = plan.count(effect.service)
        risk += f" ({round(effect.at_risk * count):,})"
        safe += f" ({round(effect.protected * count):,})"
    why = "; ".join(words.cause(cause) for cause in effect.causes[:3])
    strong = f"**{risk}**" if effect.at_risk else risk
    return f"| {_plain(effect.title)} | {words.percent(effect.moved)} | {strong} | {safe} | {_plain(why)} |"


def _details(plan: Plan) -> Iterator[str]:
    whole = "".join(text.render(plan)).replace(FENCE, "'''''")
    shown = whole if len(whole) <= DETAILS else whole[:DETAILS].rpartition("\n")[0] + "\n… cut here\n"
    yield ""
    yield "<details><summary>All changes</summary>"
    yield ""
    yield f"{FENCE}diff"
    yield from (_diff(line) for line in shown.splitlines())
    yield FENCE
    yield ""
    yield "</details>"


def _diff(line: str) -> str:
    """Signs at the margin, where a diff's colours look for them; `!` is its sign for a change."""
    sign = line.lstrip()[:2]
    if sign not in ("+ ", "- ", "~ "):
        return f"  {line}"
    indent = line[: len(line) - len(line.lstrip())]
    return f"{'!' if sign == '~ ' else sign[0]} {indent}{line.lstrip()[2:]}"


def _plain(given: str) -> str:
    """Text of the configuration that Markdown must not take for its own."""
    return re.sub(r"([\\*_{}\[\]<>#|~])", r"\\\1", given)
