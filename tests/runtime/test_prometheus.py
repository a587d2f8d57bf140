"""A real Prometheus scrapes the real daemon, and the alert rules say what is the matter."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from test_daemon import UP, Scene, play
from vc5d.errors import Vc5Error
from wire import REAL1, REAL2, VIP, Wire

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's prometheus"),
]

PORT = 19090
RULES = Path(__file__).resolve().parents[2] / "contrib" / "prometheus" / "vc5.rules.yml"
CONFIG = f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{RULES}]
scrape_configs: [{{job_name: vc5, static_configs: [{{targets: ["127.0.0.1:8005"]}}]}}]
"""


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    for made in wires.made():
        made.serve(made.real1, 80)
        made.serve(made.real2, 80)
        yield made


def asked(path: str, **query: str) -> Any:
    url = f"http://127.0.0.1:{PORT}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)["data"]


async def found(query: str) -> dict[str, str]:
    """Values by real, or VIP, once there are any."""
    for _ in range(200):
        try:
            result = (await asyncio.to_thread(asked, "query", query=query))["result"]
        except OSError:
            result = []
        if result:
            return {
                each["metric"].get("real") or each["metric"].get("vip") or "": each["value"][1]
                for each in result
            }
        await asyncio.sleep(0.1)
    raise AssertionError(f"nothing for {query}")


def test_prometheus_scrapes_it(wire: Wire, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(CONFIG)

    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        command = [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{PORT}",
        ]
        prometheus = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert await found("vc5_real_up") == {REAL1: "1", REAL2: "1"}
            assert await found("vc5_vip_announced == 1") == {VIP: "1"}
            assert float((await found('sum(vc5_checks_total{type="http", result="passed"})'))[""]) > 1
            targets = await asyncio.to_thread(asked, "targets")
            assert [(each["health"], each["lastError"]) for each in targets["activeTargets"]] == [("up", "")]
            groups = (await asyncio.to_thread(asked, "rules"))["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) > 10
            assert [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")] == []
            scene.document.write_text("{")
            with pytest.raises(Vc5Error):
                await scene.ask("reload")
            assert await found('ALERTS{alertname="Vc5ReloadFailed", alertstate="firing"}')
        finally:
            prometheus.kill()
            prometheus.wait()

    play(tmp_path, work)
