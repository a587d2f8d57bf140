"""What the lab's tests need, and the words for what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from lab import cleanup
from lab.plan import BUILD, Names

TOOLS = ("ip", "tc", "nsenter", "ethtool", "bird", "nginx")
OBJECTS = ("vc5.bpf.o", "lab/vlan.bpf.o", "lab/pass.bpf.o", "lab/decap.bpf.o", "lab/loss.bpf.o")


def _missing() -> str:
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    if os.geteuid() != 0:
        return "network namespaces and BPF need root: sudo make test"
    if absent := [tool for tool in TOOLS if shutil.which(tool, path=path) is None]:
        return f"not installed: {', '.join(absent)}: make setup"
    if absent := [name for name in OBJECTS if not (BUILD / name).exists()]:
        return f"not built: {', '.join(absent)}: make build e2e"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if reason and item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def names() -> Iterator[Names]:
    """Of a lab apart from the demo's, so that one that was kept up does not mind; gone afterwards."""
    own = Names("vc5-test")
    cleanup.clean(own)
    yield own
    cleanup.clean(own)
