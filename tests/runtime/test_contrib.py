"""What is shipped for Prometheus and Grafana names metrics that there are, and promtool agrees with it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "contrib" / "prometheus" / "vc5.rules.yml"
DASHBOARD = ROOT / "contrib" / "grafana" / "vc5.json"
sys.path.insert(0, str(ROOT / "tools" / "generate"))
import metrics as documented  # noqa: E402

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")


def series() -> dict[str, set[str]]:
    """Every name that a query may use, with its labels."""
    found: dict[str, set[str]] = {"up": {"job", "instance"}}
    for family in documented.families():
        labels = set(re.findall(r"\w+", documented._labels(family)))
        found[documented.full_name(family)] = labels | {"instance", "job"}
        if family.type == "histogram":
            for suffix in ("bucket", "sum", "count"):
                found[f"{family.name}_{suffix}"] = labels | {"le", "instance", "job"}
    registry = CollectorRegistry()
    for family in ProcessCollector(registry=registry).collect():
        for sample in family.samples:
            found[sample.name] = {"instance", "job"}
    return found


def rule_queries() -> list[str]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def panel_queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


@pytest.mark.parametrize("queries", [rule_queries(), panel_queries()], ids=["rules", "dashboard"])
def test_every_metric_that_is_named_is_there(queries: list[str]) -> None:
    known = series()
    assert len(queries) > 10
    for query in queries:
        bare = re.sub(r'"[^"]*"', '""', query)
        names = set(re.findall(r"\b(?:vc5_\w+|process_\w+|up)\b", bare))
        assert names, query
        assert names <= known.keys(), query
        labels = set().union(*(known[name] for name in names))
        used = set(re.findall(r"(\w+)\s*(?:=~|!=|=)\"\"", bare))
        for clause in re.findall(r"\bby \(([^)]*)\)", bare):
            used |= {each.strip() for each in clause.split(",")}
        assert used <= labels, query


def test_the_documentation_lists_every_metric() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    for name in {documented.full_name(each) for each in documented.families()}:
        assert f"| `{name}` |" in page
    assert documented.VC5.keys() <= {documented.full_name(each) for each in documented.families()}


def test_every_alert_is_proved() -> None:
    """By a case in which it fires."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    tests = yaml.safe_load(RULES.with_name("vc5.rules.test.yml").read_text())["tests"]
    fired = {case["alertname"] for each in tests for case in each["alert_rule_test"] if case["exp_alerts"]}
    assert fired == alerts


@needs_promtool
def test_promtool_accepts_rules_and_their_tests() -> None:
    for command in (["check", "rules", RULES.name], ["test", "rules", "vc5.rules.test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_can_read_every_panel(tmp_path: Path) -> None:
    def plain(query: str) -> str:
        for variable, value in (("$__rate_interval", "5m"), ("$instance", ".*"), ("$service", ".*")):
            query = query.replace(variable, value)
        return query

    records = [
        {"record": f"panel:{number}", "expr": plain(query)} for number, query in enumerate(panel_queries())
    ]
    rules: dict[str, Any] = {"groups": [{"name": "panels", "rules": records}]}
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump(rules))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_page() -> None:
    from vc5d.activity import Activity
    from vc5d.web.metrics import render

    page = b"".join(render(documented.STATUS, "", Activity().registry)[0])
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
