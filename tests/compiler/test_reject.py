"""Faults: reject/<fault>/config.yaml gives exactly reject/<fault>/problems.txt.

VC5_UPDATE_GOLDEN=1 writes the files anew: read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CASES = sorted(path for path in (Path(__file__).parent / "reject").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reject(case: Path, rendered) -> None:
    text = (case / "config.yaml").read_text()
    shown = rendered(text) + "\n"
    if os.environ.get("VC5_UPDATE_GOLDEN"):
        (case / "problems.txt").write_text(shown)
    assert ": error: " in shown
    assert shown == (case / "problems.txt").read_text()
