"""`make demo` itself: every check of the story holds, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess

import pytest

from lab import cleanup
from lab.plan import ROOT, Names

pytestmark = pytest.mark.lab
STEPS = "abcdefg"


def test_the_whole_story_holds(names: Names) -> None:
    done = subprocess.run(
        [ROOT / "tools" / "lab", "demo"],
        env={**os.environ, "VC5_LAB": names.lab},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert [line[0] for line in done.stdout.splitlines() if line[1:2] == "."] == list(STEPS), told
    assert "✗" not in told
    assert "Traceback" not in told
    assert cleanup.traces(names) == []
