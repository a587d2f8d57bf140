"""Small words of the language that a schema cannot read: addresses, prefixes, status codes, windows."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address, ip_interface

from vc5c.model import Address, Network

CODES = re.compile(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
STANDARD_COMMUNITY = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")
LARGE_COMMUNITY = re.compile(r"([0-9]{1,10}):([0-9]{1,10}):([0-9]{1,10})")
ANY_CODE = 0  # how VC5 writes `expect: any`


@cache
def read_address(text: str) -> Address | None:
    """None if it is no address. A zone (fe80::1%eth0) has no meaning across a fleet."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def read_prefix(text: str) -> Network | None:
    """The network of 10.1.10.0/24, of 10.1.10.254/24, and of a bare address; None otherwise."""
    try:
        return None if "%" in text else ip_interface(text).network
    except ValueError:
        return None


def read_codes(text: str) -> tuple[int, ...] | None:
    """Status codes of `200`, `200-204 301`, `any`; None if it is something else."""
    if text == "any":
        return (ANY_CODE,)
    codes: list[int] = []
    for word in text.split():
        match = CODES.fullmatch(word)
        if match is None:
            return None
        low, high = sorted((int(match[1]), int(match[2] or match[1])))
        codes += range(low, high + 1)
    return tuple(codes) or None


def read_window(text: str) -> tuple[int, int] | None:
    """(3, 5) of `3 of 5`; None if it could never be met."""
    threshold, window = (int(word) for word in text.split(" of "))
    return (threshold, window) if threshold <= window else None


def read_community(text: str) -> tuple[int, ...] | None:
    """Two numbers of 16 bits (RFC 1997) or three of 32 (RFC 8092); None otherwise."""
    for pattern, limit in ((STANDARD_COMMUNITY, 0xFFFF), (LARGE_COMMUNITY, 0xFFFFFFFF)):
        match = pattern.fullmatch(text)
        if match is not None:
            numbers = tuple(int(number) for number in match.groups())
            return numbers if max(numbers) <= limit else None
    return None
