"""What the document says of tunnels."""

from __future__ import annotations

import pytest

TEXT = """
services:
  - virtual: [192.0.2.1, "2001:db8::9"]
    servers: [10.0.0.1, "2001:db8:1::1"]
    tunnel-type: %s
    tunnel-port: 6080
    policy: {http: {%s}}
"""


def clamps(compile_text, kind: str, inside: str) -> list[int | None]:
    services = compile_text(TEXT % (kind, inside))["services"]
    return [service.get("mss-clamp") for _, service in sorted(services.items())]


@pytest.mark.parametrize(
    ("kind", "inside", "mss"),
    [
        ("gue", "", [None, None]),
        ("gue", "mss-clamp: false", [None, None]),
        ("gue", "mss-clamp: true", [1500 - 52 - 40, 1500 - 52 - 60]),
        ("gue", "mss-clamp: true, tunnel-mtu: 9000", [9000 - 52 - 40, 9000 - 52 - 60]),
        ("gre", "mss-clamp: true", [1500 - 44 - 40, 1500 - 44 - 60]),
        ("ipip", "mss-clamp: true", [1420, 1400]),
        ("ipip", "mss-clamp: 1200", [1200, 1200]),
    ],
)
def test_the_longest_segment_that_fits(compile_text, kind: str, inside: str, mss: list[int | None]) -> None:
    """To the real whose outer header is longest, with the VIP's family inside."""
    assert clamps(compile_text, kind, inside) == mss
