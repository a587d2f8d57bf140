"""`vc5c --diff OLD NEW`. Exit codes: 0 no changes, 1 a configuration has problems, 2 could not run, 3
changes, 4 more connections are at risk than --fail-above allows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from vc5c import output
from vc5c.documents import NotADocument
from vc5c.inputs import Compile, HasProblems, read_input
from vc5c.plan import as_json, markdown, text, words
from vc5c.plan.make import Plan, make_plan
from vc5c.plan.sessions import BadSessions, read_sessions
from vc5c.report import colour

UNCHANGED, PROBLEMS, COULD_NOT_RUN, CHANGED, REFUSED = range(5)


def run(options: argparse.Namespace, compile_: Compile) -> int:
    """Compare, tell, and write the new document if that was asked for. Raises Unreadable, Unwritable."""
    if options.diff == options.config == "-":
        print("vc5c: only one of the two can be standard input", file=sys.stderr)
        return COULD_NOT_RUN
    try:
        old, new = read_input(options.diff, compile_), read_input(options.config, compile_)
        sessions = read_sessions(options.sessions, old.document.services)
        plan = make_plan(old.document, new.document, sessions, options.fail_above)
    except HasProblems:
        return PROBLEMS
    except (NotADocument, BadSessions) as error:
        print(f"vc5c: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    output.write([line.encode() for line in _render(plan, options)], "-")
    if plan.refused:
        print(f"vc5c: {words.refusal(plan)}", file=sys.stderr)
        return REFUSED
    if options.output != "-":
        output.write(new.text, options.output)
    return CHANGED if plan.changes else UNCHANGED


def _render(plan: Plan, options: argparse.Namespace) -> Iterator[str]:
    form = options.plan_format
    if form == "json":
        return as_json.render(plan)
    if form == "markdown":
        return markdown.render(plan)
    return text.render(plan, colour.wanted(options.color, sys.stdout))
