"""The table and the chart of what the lab has found."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lab.failover import figures


def found() -> dict[str, Any]:
    def row(letter: str, broken: int, own: int = 0) -> dict[str, Any]:
        plain = {"letter": letter, "title": "one <dies>", "elsewhere": 300, "broken": broken, "own": own}
        return {**plain, "failed": broken, "asked": 9000, "converged": 0.5}

    return {
        "on": {"connections": 2000, "rows": [row("a", 0), row("d1", 250, 250)]},
        "off": {"connections": 2000, "rows": [row("a", 120)]},
    }


def test_table_is_put_where_it_belongs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- lab -->\nold\n<!-- /lab -->\nafter\n")
    figures.put_into(page, found())
    text = page.read_text()
    assert "| a | one <dies> | 0 of 300 | 120 of 300 | 0 of 9,000; 0.5 s | 120 of 9,000; 0.5 s |" in text
    assert "| 0 of 300 (and 250 of the dead real) | – |" in text
    assert text.startswith("before\n<!-- lab -->\n| ")
    assert text.endswith("<!-- /lab -->\nafter\n")


def test_chart_is_a_picture_of_it() -> None:
    chart = ElementTree.fromstring(figures.chart(found()))
    texts = [part.text for part in chart.iter() if part.text]
    assert "Connections broken, of 2,000" in texts
    assert "120" in texts
