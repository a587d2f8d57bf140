"""docs/configuration.md has every key of the schema and every rule of the code."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "configuration.md").read_text()
WORDS = {word for quoted in re.findall(r"`([^`\n]+)`", DOCS) for word in quoted.split()}


def properties(schema):
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def test_every_key_is_documented() -> None:
    schema = json.loads(resources.files("vc5_schemas").joinpath("config.schema.json").read_text())
    inside_checks_or_errors = {"bind", "checks", "type", "port", "services", "virtual"}
    assert set(properties(schema)) - WORDS - inside_checks_or_errors == set()
