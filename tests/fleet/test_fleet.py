"""`make fleet` itself: every check of the story holds; and what a killed one leaves behind is found."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from lab.plan import ROOT

from fleet import cleanup
from fleet.plan import MACHINES, FleetNames

pytestmark = pytest.mark.fleet
FLEET = ROOT / "tools" / "fleet"


def fleet(names: FleetNames, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FLEET, *words],
        env={**os.environ, "VC5_LAB": names.lab},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def test_what_a_killed_fleet_leaves_is_found_by_its_name(names: FleetNames) -> None:
    up = fleet(names, "up", timeout=1800)
    assert up.returncode == 0, up.stderr
    assert {what.split()[0] for what in cleanup.traces(names)} == {
        "mount",
        "cgroup",
        "namespace",
        "process",
        "files",
    }
    os.kill(int(names.supervisor.read_text()), signal.SIGKILL)
    again = fleet(names, "up", timeout=60)
    assert again.returncode == 2
    assert "make clean-lab" in again.stderr
    down = fleet(names, "down", timeout=60)
    assert down.returncode == 0, down.stderr
    assert f"{len(MACHINES)} hosts" in down.stdout
    assert cleanup.traces(names) == []


def test_the_whole_story_holds(names: FleetNames) -> None:
    done = fleet(names, "run", timeout=2400)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "✗" not in told
    assert "Traceback" not in told
    assert cleanup.traces(names) == []
