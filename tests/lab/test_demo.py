"""`make demo` itself: every check of the story holds, and nothing is left behind."""

from __future__ import annotations

import os
import re
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
    readme = (ROOT / "README.md").read_text().partition("<!-- demo -->")[2].partition("<!-- /demo -->")[0]
    assert claims(readme) == claims(done.stdout), "README.md shows another story: paste what `make demo` says"


def claims(told: str) -> list[str]:
    """The checks of a story without their figures."""
    lines = [line.strip() for line in told.splitlines() if line.strip().startswith("✓")]
    return [re.sub(r"sha256:[0-9a-f]+|[0-9.]+", "#", line) for line in lines]
