"""What an unquoted word means, and what is said of YAML's traps."""

from __future__ import annotations

import pytest
from vc5c.scalars import trap, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False),
        ("0", 0), ("-7", -7), ("65000", 65000), ("18446744073709551615", 2**64 - 1), ("0.5", 0.5),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"), ("1:30", "1:30"), ("010", "010"), ("0x1f", "0x1f"),
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("1_000", "1_000"), ("1e3", "1e3"), ("+5", "+5"),
        (".inf", ".inf"), ("2026-11-21", "2026-11-21"), ("10.1.10.1", "10.1.10.1"), ("-", "-"), ("٣", "٣"),
        ("9" * 21, "9" * 21),
    ],
)  # fmt: skip
def test_value(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "quoted", "wanted", "said"),
    [
        ("yes", False, {"boolean"}, "true or false"),
        ("yes", False, {"integer"}, ""),
        ("010", False, {"integer"}, "octal"),
        ("00", False, {"integer"}, "write 0 "),
        ("1:30", False, {"number"}, "base 60"),
        ("5", True, {"integer"}, "quotes"),
        ("five", True, {"integer"}, ""),
        ("five", False, {"integer"}, ""),
    ],
)
def test_trap(text: str, quoted: bool, wanted: set[str], said: str) -> None:
    found = trap(text, quoted, wanted)
    assert said in found
    assert bool(found) == bool(said)
