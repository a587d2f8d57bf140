"""The stages up to a sound configuration: text → located tree → Config. Then resolve and emit follow."""

from __future__ import annotations

from vc5c import build, include, schema, validate
from vc5c.model import Config
from vc5c.neighbors import NO_NEIGHBORS, NeighborOptions, complete
from vc5c.problems import Problems
from vc5c.source import Source


def load(source: Source, problems: Problems, neighbors: NeighborOptions = NO_NEIGHBORS) -> Config:
    """A configuration that every rule accepts. `problems` keeps the warnings. Raises Rejected, Unreadable."""
    tree = include.parse_all(source, problems)
    schema.judge(tree, problems)
    config = complete(build.build(tree, problems), source, neighbors, problems)
    validate.validate(config, problems)
    return config
