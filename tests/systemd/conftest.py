"""These boot a host and so are not part of `make test`: `make systemd-test`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))  # wire.py, support/
from systemd.booted import booted, host  # noqa: F401

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter", "ip")


def _missing() -> str:
    if not os.environ.get("VC5_SYSTEMD"):
        return "boots a host: make systemd-test"
    if os.geteuid() != 0:
        return "containers and BPF need root: sudo make systemd-test"
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(absent)}: apt-get install debootstrap systemd-container"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if reason and item.get_closest_marker("systemd"):
            item.add_marker(pytest.mark.skip(reason=reason))
