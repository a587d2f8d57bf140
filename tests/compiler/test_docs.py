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


def test_every_rule_is_documented_and_every_documented_one_exists() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "compiler" / "vc5c").rglob("*.py"))
    called = re.findall(r"(?:error|warning|warn|_fatal)\(\s*f?\"([a-z0-9-]+)\"", code)
    used = set(called) | set(re.findall(r"^    \"\w+\": \(\"([a-z-]+)\"", code, re.MULTILINE))
    used |= {"unknown-policy", "unknown-server-list"}  # made from what is unknown
    table = DOCS.partition("## Rules")[2].partition("## Where")[0]
    documented = {
        word
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for word in re.findall(r"`([^`]+)`", row)
    }
    assert used - {"schema"} == documented
