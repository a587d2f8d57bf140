"""The stages in order: text → located tree → Config → Resolved."""

from __future__ import annotations

from vc5c import build, parse, resolve, schema, validate
from vc5c.model import Config
from vc5c.problems import Problems
from vc5c.resolved import Resolved
from vc5c.source import Source


def load(source: Source, problems: Problems) -> Config:
    """A configuration that every rule accepts. Raises Rejected; warnings are left in `problems`."""
    tree = parse.parse(source, problems)
    schema.judge(tree, problems)
    config = build.build(tree, problems)
    validate.validate(config, problems)
    return config


def compile_source(source: Source, problems: Problems) -> Resolved:
    return resolve.resolve(load(source, problems))
