"""The benchmarks' own arithmetic; what they measure is not tested here."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
import yaml
from vc5c import maglev
from vc5c.resolved import TableSpec

from . import chart, compiler, report, tables, targets


def test_each_benchmark_replaces_its_own_part(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report, "PATH", tmp_path / "build" / "bench.json")
    assert report.read() == {}
    report.update(compiler={"a": 1}, pass_ns=7)
    report.update(pass_ns=8)
    assert json.loads(report.PATH.read_text()) == {"compiler": {"a": 1}, "pass_ns": 8}
    report.PATH.write_text("[half")
    report.update(x=1)
    assert report.read() == {"x": 1}


def test_disruption_counts_innocent_slots_only() -> None:
    """Counted once more, slot by slot and by name."""
    group, size, moved = tables.reals(5), 251, 0

    def names(reals):
        slots = maglev.fill(TableSpec(size, reals, (1,) * len(reals)))
        return [reals[int.from_bytes(slots[i : i + 2], "little")] for i in range(0, 2 * size, 2)]

    for gone in group:
        after = names(tuple(real for real in group if real is not gone))
        moved += sum(a is not gone and a is not b for a, b in zip(names(group), after, strict=True))
    assert moved
    assert tables.disruption(size, 5) == pytest.approx(100 * moved / 5 / size)


def test_imbalance() -> None:
    assert tables.imbalance(251, 251) == 1
    assert 1 < tables.imbalance(251, 100) == 3 / 2.51


def test_configurations_are_what_they_are_called() -> None:
    text = yaml.safe_load(compiler.configuration(300, 7, 251))
    servers = [server for service in text["services"] for server in service["servers"]]
    assert len({service["virtual"] for service in text["services"]}) == 300
    assert len(set(servers)) == 300 * 7
    assert {service["table_size"] for service in text["services"]} == {251}
    shared = yaml.safe_load(compiler.configuration(3, 7, shared=True))["services"]
    assert shared[0]["servers"] == shared[1]["servers"]


def test_chart_draws_each_size_and_figure() -> None:
    figures = {str(n): {"disruption_percent": 0.5, "imbalance": 1.0 + n / 1e5} for n in tables.REALS}
    drawn = ElementTree.fromstring(chart.draw({"251": figures, "65537": figures}))
    space = "{http://www.w3.org/2000/svg}"
    curves = [line for line in drawn.iter(f"{space}polyline") if len(line.get("points").split()) == 7]
    assert len(curves) == 4
    words = [text.text for text in drawn.iter(f"{space}text")]
    assert {"251 slots", "65,537 slots", "reals"} <= set(words)


def test_targets_are_judged_by_ratios_of_one_run() -> None:
    keys = ("established_1_ns", "established_64k_ns", "established6_64k_ns", "pass_ns")
    ns = dict.fromkeys(keys, 20.0) | {"established_1m_ns": 27.0, "new_flow_ns": 24.0}
    ns |= {
        "services_1_on_1_ns": 20.0,
        "services_10000_on_64_ns": 40.0,
        "floor_ns": 6.0,
        "hash_hit_ns": 31.0,
        "lru_hit_ns": 32.0,
        "dscp_ns": 79.0,
        "dscp6_ns": 81.0,
    }
    ns |= {
        f"{type}{six}_over{over}_ns": 50.0 for type in targets.TUNNELS for six in ("", "6") for over in (4, 6)
    }
    ns["gre_over6_ns"] = 80.5
    judged = {each.what.partition(":")[0]: each for each in targets.targets(ns)}
    assert judged["established, 64k flows"].met
    assert judged["established, 1m flows"].found == 1.35
    missed = [what for what, each in judged.items() if not each.met]
    assert missed == ["established, 1m flows", "pass", "the dearest tunnel of IPv4, gre_over6", "dscp, IPv6"]
    scaled = [each for each in targets.targets(ns) if "MAC swap" in each.what]
    assert [each.found for each in scaled] == pytest.approx([20 / 2 ** (1 / 3)] * 2)
