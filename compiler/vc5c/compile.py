"""The stages up to a sound configuration: text → located tree → Config. Then resolve and emit follow."""

from __future__ import annotations

from vc5c import build, parse, schema, validate
from vc5c.model import Config
from vc5c.problems import Problems
from vc5c.source import Source


def load(source: Source, problems: Problems) -> Config:
    """A configuration that every rule accepts. Raises Rejected; warnings are left in `problems`."""
    tree = parse.parse(source, problems)
    schema.judge(tree, problems)
    config = build.build(tree, problems)
    validate.validate(config, problems)
    return config
