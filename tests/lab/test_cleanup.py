"""A demo that is interrupted leaves nothing; what one that is killed leaves, `make clean-lab` finds."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import cleanup
from lab.plan import ROOT, Names


@contextmanager
def demo_under_way(names: Names) -> Iterator[subprocess.Popen[str]]:
    """Up to the point where both load balancers forward: whatever a lab can leave behind is there."""
    demo = subprocess.Popen(
        [ROOT / "tools" / "lab", "demo"],
        env={**os.environ, "VC5_LAB": names.lab},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert demo.stdout is not None
        told = []
        for line in demo.stdout:
            told.append(line)
            if line.startswith("c. "):
                break
        else:
            pytest.fail(f"the demo ended before step c:\n{''.join(told)}")
        yield demo
    finally:
        demo.kill()
        demo.communicate()


@pytest.mark.lab
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_demo_removes_everything(names: Names, number: signal.Signals) -> None:
    with demo_under_way(names) as demo:
        assert {what.split()[0] for what in cleanup.traces(names)} == {
            "namespace",
            "process",
            "pins",
            "files",
        }
        demo.send_signal(number)
        told, _ = demo.communicate(timeout=30)
        assert demo.returncode == 130
        assert "interrupted" in told
        assert "Traceback" not in told
    assert cleanup.traces(names) == []


@pytest.mark.lab
def test_what_a_killed_demo_leaves_is_found_by_its_name(names: Names) -> None:
    with demo_under_way(names) as demo:
        demo.kill()
        demo.wait()
    assert cleanup.traces(names)
    environment = {**os.environ, "VC5_LAB": names.lab}
    again = subprocess.run(
        [ROOT / "tools" / "lab", "demo"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert again.returncode == 2
    assert "make clean-lab" in again.stderr
    subprocess.run([ROOT / "tools" / "lab", "clean"], env=environment, check=True, timeout=30)
    assert cleanup.traces(names) == []


@pytest.mark.parametrize("name", ["/", "..", "vc5", "vc5-", "vc5-lab/../etc", "lab"])
def test_no_name_of_a_lab_reaches_other_files(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a lab"):
        Names(name)
