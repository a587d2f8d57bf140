"""Figures in the documentation: what a command found stands between two marks, and the command writes it."""

from __future__ import annotations

from pathlib import Path


def put(page: Path, name: str, text: str) -> None:
    """Between `<!-- NAME -->` and `<!-- /NAME -->`, which must be there once."""
    before, mark, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not mark or not end:
        raise ValueError(f"{page}: no place for {name}")
    page.write_text(f"{before}{mark}{text}\n{end}{after}")
