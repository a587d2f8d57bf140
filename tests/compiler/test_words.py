"""Status codes, windows, communities."""

from __future__ import annotations

import pytest
from vc5c.words import read_codes, read_community, read_window


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("200", (200,)), ("any", (0,)), ("200 301-303", (200, 301, 302, 303)), ("204-202", (202, 203, 204)),
        ("", None), ("20", None), ("600", None), ("200,201", None), ("200-", None), ("٢٠٠", None),
    ],
)  # fmt: skip
def test_codes(text: str, codes: tuple[int, ...] | None) -> None:
    assert read_codes(text) == codes


def test_window() -> None:
    assert read_window("3 of 5") == (3, 5)
    assert read_window("5 of 5") == (5, 5)
    assert read_window("6 of 5") is None


@pytest.mark.parametrize(
    ("text", "community"),
    [
        ("65000:100", (65000, 100)), ("4200000000:1:2", (4200000000, 1, 2)), ("65536:1", None),
        ("1:65536", None), ("4294967296:1:2", None), ("1", None), ("1:2:3:4", None), ("a:b", None),
    ],
)  # fmt: skip
def test_community(text: str, community: tuple[int, ...] | None) -> None:
    assert read_community(text) == community
