"""The barrier that machines other than x86-64 need, called where it is not needed but can be."""

from __future__ import annotations

import platform

import pytest
from vc5d.xdp import ordering


def test_none_is_needed_here() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("this machine needs one")
    assert ordering.stores_before() is None  # type: ignore[func-returns-value]


def test_the_kernel_has_it() -> None:
    for _ in range(3):
        ordering._membarrier(platform.machine())()


def test_a_machine_that_is_not_known_gets_it() -> None:
    """By the number of the table that every newer machine shares; here that is another call, or none."""
    assert ordering._barrier_of("aarch64").__qualname__.startswith("_membarrier")
    assert ordering._barrier_of("loongarch64").__qualname__.startswith("_membarrier")
