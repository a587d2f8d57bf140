"""What the names of policies say."""

from __future__ import annotations

import pytest
from vc5c.policies import PolicyName, read_policy_name


@pytest.mark.parametrize(
    ("name", "port", "protocols", "check"),
    [
        ("http", 80, "tcp", "http"), ("https", 443, "tcp", "https"), ("domain", 53, "tcp udp", "dns"),
        ("domain/tcp", 53, "tcp", "dns"), ("domain/udp", 53, "udp", "dns"), ("ftp", 21, "tcp", "syn"),
        ("smtp", 25, "tcp", "syn"), ("ssh", 22, "tcp", "syn"), ("telnet", 23, "tcp", "syn"),
        ("pop2", 109, "tcp", "syn"), ("pop3", 110, "tcp", "syn"), ("imap", 143, "tcp", "syn"),
        ("imaps", 993, "tcp", "syn"), ("8080", 8080, "tcp", "syn"), ("1/tcp", 1, "tcp", "syn"),
        ("65535/udp", 65535, "udp", None), ("8080/http", 8080, "tcp", "http"),
        ("8443/https", 8443, "tcp", "https"),
        ("5353/domain", 5353, "tcp udp", "dns"),
    ],
)  # fmt: skip
def test_known(name: str, port: int, protocols: str, check: str | None) -> None:
    assert read_policy_name(name) == PolicyName(port, tuple(protocols.split()), check)


@pytest.mark.parametrize(
    "name", ["", "0", "65536", "080", "80/ftp", "HTTP", "http/udp", "80/", "/80", "٨٠", "80\n"]
)
def test_unknown(name: str) -> None:
    assert read_policy_name(name) is None
