"""The catalogue of rules: complete, and true: each example breaks its rule."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from vc5c.catalogue import GROUPS, RULES, Rule
from vc5c.catalogue.examples import written_out
from vc5c.cli import main
from vc5c.schema import WORDS

COMPILER = Path(__file__).parents[2] / "compiler" / "vc5c"
REPORTERS = {"error", "warning", "note", "warn", "_fatal"}
MADE_UP = {"unknown-policy", "unknown-server-list"}  # put together from what is unknown


@pytest.fixture
def found_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What the command says of a rule's example."""

    def check(rule: Rule) -> list[dict[str, Any]]:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "config.yaml").write_bytes(written_out(rule.example))
        for name, text in rule.files.items():
            (tmp_path / name).write_text(text)
        code = main(["config.yaml", "--check", "--format", "json", *rule.options])
        shown = json.loads(capsys.readouterr().out)
        assert code == (1 if shown["errors"] else 0)
        return shown["problems"]

    return check


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_example_breaks_the_rule_and_little_else(rule: Rule, found_in) -> None:
    found = found_in(rule)
    assert (rule.id, rule.severity) in {(problem["rule"], problem["severity"]) for problem in found}
    errors = {problem["rule"] for problem in found if problem["severity"] == "error"}
    assert len(errors | {rule.id}) <= 2


def reported() -> set[str]:
    """The ids that the code reports: the first argument of each call of a reporter."""
    calls = (
        node
        for path in COMPILER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and node.args
    )
    ids = set()
    for call in calls:
        name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
        first = call.args[0]
        if name in REPORTERS and isinstance(first, ast.Constant) and " " not in str(first.value):
            ids.add(first.value)
    return ids | {rule for rule, _ in WORDS.values()} | MADE_UP


def test_every_rule_is_in_the_catalogue_and_every_entry_is_a_rule() -> None:
    assert reported() == set(RULES)


def test_entries_are_whole() -> None:
    assert sum(map(len, GROUPS.values())) == len(RULES), "an id twice"
    for rule in RULES.values():
        assert rule.severity in ("error", "warning", "note")
        for text in (rule.means, rule.why, rule.fix):
            assert text[0].isupper() or text[0] in "`0123456789"
            assert text.endswith(".")
