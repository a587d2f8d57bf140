"""The stages: text → located tree → Config, which every rule accepts; and from there to the document."""

from __future__ import annotations

from vc5c import build, include, schema, validate
from vc5c.cache import Cache
from vc5c.emit import Document, document
from vc5c.ignores import Ignores
from vc5c.model import Config
from vc5c.neighbors import NO_NEIGHBORS, NeighborOptions, complete
from vc5c.problems import Problems
from vc5c.progress import Progress
from vc5c.resolve import resolve
from vc5c.source import Source
from vc5c.spool import Spool
from vc5c.tables import make_tables

SILENT = Progress()  # one that is never entered says nothing


def load(
    source: Source,
    problems: Problems,
    neighbors: NeighborOptions = NO_NEIGHBORS,
    progress: Progress = SILENT,
) -> Config:
    """A configuration that every rule accepts. `problems` keeps the warnings. Raises Rejected, Unreadable."""
    progress.stage("reading")
    tree = include.parse_all(source, problems)
    ignores = problems.ignores = Ignores.of(source, problems)
    progress.stage("checking")
    schema.judge(tree, problems)
    config = complete(build.build(tree, problems), source, neighbors, problems)
    validate.validate(config, problems)
    ignores.report_unused(problems)
    return config


def produce(config: Config, cache: Cache | None = None, progress: Progress = SILENT) -> Document:
    """The document of a sound configuration. Raises OSError: no room for its tables."""
    resolved = resolve(config)
    specs = dict.fromkeys(service.table for service in resolved.services)
    progress.stage("tables", len(specs))
    tables = make_tables(specs, Spool(), cache, progress.step)
    progress.stage("writing")
    return document(resolved, tables)
