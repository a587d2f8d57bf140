"""`vc5c --explain CLIENT VIP CONFIG`. Exit codes: 0 explained, 1 the configuration has problems, 2 could
not run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from vc5c import output
from vc5c.addresses import read_address
from vc5c.documents import Document, NotADocument, Service
from vc5c.explain import as_json, text
from vc5c.explain.decide import DOWN, DRAINING, States, decide, find_service
from vc5c.explain.question import BadQuestion, Flow, Question, read_question
from vc5c.hashing import secret_seed
from vc5c.inputs import Compile, HasProblems, read_input
from vc5c.problems import did_you_mean

EXPLAINED, PROBLEMS, COULD_NOT_RUN = range(3)
SECRET = "secret"  # noqa: S105  the word in the document


def run(options: argparse.Namespace, compile_: Compile) -> int:
    """Decide and tell. Raises Unreadable, Unwritable."""
    try:
        question = read_question(*options.explain)
        document = read_input(options.config, compile_).document
        flow = _flow(question, document)
        states = _states(options, find_service(document, flow))
        decision = decide(document, flow, states, _seed(document, options.seed_file))
    except HasProblems:
        return PROBLEMS
    except (NotADocument, BadQuestion) as error:
        print(f"vc5c: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    lines = as_json.render(decision) if options.explain_format == "json" else text.render(decision)
    output.write([line.encode() for line in lines], "-")
    return EXPLAINED


def _flow(question: Question, document: Document) -> Flow:
    """Of the protocol that was asked for; else of the one that a service takes, or TCP if none does."""
    if question.protocol:
        return question.flow(question.protocol)
    flows = [question.flow(protocol) for protocol in ("tcp", "udp")]
    found = [flow for flow in flows if find_service(document, flow)]
    if len(found) > 1:
        raise BadQuestion(f"{question.vip} takes both protocols on port {question.port}: add /tcp or /udp")
    return found[0] if found else flows[0]


def _states(options: argparse.Namespace, service: Service | None) -> States:
    states = dict.fromkeys(_reals(options.draining, "--draining", service), DRAINING)
    states |= dict.fromkeys(_reals(options.down, "--down", service), DOWN)
    return states


def _reals(given: Iterable[str], option: str, service: Service | None) -> list[str]:
    """Addresses in canonical form. Each must be a real of the service, or a slip would go unnoticed."""
    reals = []
    for word in given:
        address = read_address(word)
        real = address.text if address else word
        if service is None:
            raise BadQuestion(f"{option} {word}: the flow has no service, so no reals")
        if real not in service.reals:
            near = did_you_mean(real, service.reals)
            raise BadQuestion(f"{option} {word}: no real of {service.title}{near}")
        reals.append(real)
    return reals


def _seed(document: Document, path: str | None) -> int:
    seed = document.seed
    if isinstance(seed, int):
        if path is not None:
            raise BadQuestion("--seed-file: the document's seed is no secret, it has the number itself")
        return seed
    if path is None:
        raise BadQuestion("the document's seed is secret: give --seed-file, vc5d's credential `seed`")
    try:
        return secret_seed(Path(path).read_bytes())
    except OSError as error:
        raise BadQuestion(f"--seed-file: cannot read {path}: {error.strerror}") from None
