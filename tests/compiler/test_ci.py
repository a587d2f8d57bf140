"""docs/ci.md and .pre-commit-hooks.yaml: what they have parses, and its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from vc5c.cli import main

ROOT = Path(__file__).parents[2]
SNIPPETS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^\s*- (?:run: )?(vc5c .*)$", "\n".join(SNIPPETS), re.MULTILINE)))


def test_snippets_parse() -> None:
    assert len(SNIPPETS) == 5
    for snippet in SNIPPETS:
        yaml.safe_load(snippet)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text((ROOT / "inventories/example/config.yaml").read_text())
    assert main(shlex.split(command.partition(">")[0])[1:]) == 0
    Path("config.yaml").write_text("services: {}\n")
    assert main(shlex.split(command.partition(">")[0])[1:]) == 1


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 3


def test_hook() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (used,) = [s for s in SNIPPETS if "pre-commit-config" in s]
    assert yaml.safe_load(used)["repos"][0]["hooks"][0]["id"] == hook["id"]
    assert hook["entry"].split() == ["vc5c", "--check"]


@pytest.mark.parametrize(
    "sample", sorted(ROOT.glob("inventories/*/config.yaml")), ids=lambda p: p.parent.name
)
def test_modelines_lead_to_the_schema(sample: Path) -> None:
    first = sample.read_text().splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (sample.parent / path).resolve() == ROOT / "schemas" / "config.schema.json"
