"""Whole documents: golden/<case>/config.yaml compiles to golden/<case>/config.json.

There a table's slots are replaced by their SHA-256. VC5_UPDATE_GOLDEN=1 writes the files anew: read the diff.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

CASES = sorted(path for path in (Path(__file__).parent / "golden").iterdir() if path.is_dir())


def readable(document):
    for table in document["tables"].values():
        table["slots"] = "sha256:" + hashlib.sha256(table["slots"].encode()).hexdigest()
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Path, compile_text) -> None:
    written = readable(compile_text((case / "config.yaml").read_text()))
    if os.environ.get("VC5_UPDATE_GOLDEN"):
        (case / "config.json").write_text(written)
    assert written == (case / "config.json").read_text()
