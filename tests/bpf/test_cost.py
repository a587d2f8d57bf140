"""The program stays within what verifiers and caches take well: `make cost` says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cost import cost
from .kernel import Kernel

pytestmark = pytest.mark.bpf


@pytest.mark.parametrize("tracing", [False, True])
def test_growth(bpf_object: Path, kernel: Kernel, tracing: bool) -> None:
    """A tenth of what kernels allow, and a third above what it was when this was written; the tracing
    program, with its filters, may take more. Older verifiers walk further: 6.1 a quarter beyond 6.18, most of
    all through what clang 19 makes."""
    found = cost(bpf_object, tracing)
    assert found.verified < (90_000 if tracing else 70_000)
    assert found.instructions < 9_000


def test_tracing_is_gone_where_it_is_off(bpf_object: Path, kernel: Kernel) -> None:
    """The verifier takes out what only a tracing program does."""
    assert cost(bpf_object).instructions < cost(bpf_object, tracing=True).instructions - 500
