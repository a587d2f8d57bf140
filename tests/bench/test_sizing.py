"""The arithmetic of docs/sizing.md, worked out by hand once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bench import report, scale_chart, sizing


def found() -> dict[str, Any]:
    """A machine with round figures: a packet of established flows 40 ns, a place 500 bytes, 50 MB beside."""
    case = {"maps_mb": 181.072, "tables_mb": 131.072, "process_mb": 90.0, "file_mb": 4.5}
    case |= {"read_s": 0.1, "first_s": 0.2, "change_s": 0.05}
    flows = {str(1 << bits): {"tables_mb": 500e-6 * (1 << bits), "scan_s": 0.1} for bits in (16, 18, 22)}
    costs = dict.fromkeys(sizing.WANTED, 30) | {"established_1m_ns": 40, "new_flow_ns": 45}
    documents = {"10_10": case, "100_10": case | {"maps_mb": 181.072}}
    return {**costs, "machine": "M", "kernel": "K", "scale": {"documents": documents, "flows": flows}}


def test_a_link_full_of_the_smallest_frames() -> None:
    assert sizing.frames_per_second(10, 60) == pytest.approx(14_880_952, abs=1)
    assert sizing.frames_per_second(100, 1514) == pytest.approx(8_127_438, abs=1)


def test_processors() -> None:
    # 14.88 million times 100 ns are 1.488 CPUs, and 2.13 that are busy for 70 %.
    assert sizing.cpus(10, 60, cost_ns=40, driver_ns=60) == pytest.approx(2.126, abs=0.001)
    said = sizing.processors(sizing.read(found()), driver_ns=60)
    assert "| smallest (a flood), 60 | 14.88 million/s: 3 CPUs (2.13) |" in said
    assert "0.81 million/s: 1 CPU (0.12)" in said


def test_memory() -> None:
    said = sizing.memory(sizing.read(found()))
    assert "A place takes 500 bytes" in said
    assert "| 1,048,576 | 574 MB |" in said
    assert "50 MB." in said


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "PATH", tmp_path / "bench.json")
    monkeypatch.setattr("sys.argv", ["sizing"])
    assert sizing.main() == 1
    with pytest.raises(ValueError, match=r"new_flow_ns.*make bench"):
        sizing.read({"established_64k_ns": 1, "established_1m_ns": 1})
    with pytest.raises(ValueError, match="make bench-scale"):
        sizing.read(dict.fromkeys(sizing.WANTED, 1))


def test_the_page_gets_figures_and_chart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "PATH", tmp_path / "bench.json")
    report.PATH.write_text(json.dumps(found()))
    page = tmp_path / "sizing.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    monkeypatch.setattr("sys.argv", ["sizing", "--page", str(page), "--driver-ns", "0"])
    assert sizing.main() == 0
    said = page.read_text()
    assert said.startswith("before\n<!-- figures -->\nMeasured on M, Linux K: 40 ns")
    assert said.endswith("<!-- /figures -->\nafter\n")
    assert "old" not in said
    ElementTree.parse(tmp_path / "scale.svg")


def test_chart_has_a_curve_for_each_figure() -> None:
    drawn = ElementTree.fromstring(scale_chart.draw(found()["scale"]))
    space = "{http://www.w3.org/2000/svg}"
    assert len([line for line in drawn.iter(f"{space}polyline") if line.get("stroke-width") == "2"]) == 6
