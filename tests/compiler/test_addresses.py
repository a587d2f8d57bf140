"""Addresses agree with the standard library's, and there is one object for each."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vc5c.addresses import read_address, read_prefix

NUMBERS = st.one_of(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
)


@given(NUMBERS)
def test_agrees_with_ipaddress(ip) -> None:
    address = read_address(str(ip))
    assert address is not None
    assert (str(address), address.version, address.number, address.packed) == (
        str(ip),
        ip.version,
        int(ip),
        ip.packed,
    )
    assert read_address(ip.exploded) is address
    broadcast = str(ip) == "255.255.255.255"
    if not (ip.version == 4 and int(ip) >> 24 == 0):
        unicast = not (ip.is_multicast or ip.is_unspecified or ip.is_loopback or broadcast)
        assert bool(address.unfit) == (not unicast)


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/32", "fe80::1%eth0", ":::", "a\0b", "١.٢.٣.٤"]
)
def test_no_address(text: str) -> None:
    assert read_address(text) is None


def test_order() -> None:
    texts = ["::1", "10.0.0.10", "10.0.0.9", "2001:db8::", "9.0.0.1"]
    addresses = sorted((read_address(text) for text in texts), key=lambda a: a.order)
    assert [str(a) for a in addresses] == ["9.0.0.1", "10.0.0.9", "10.0.0.10", "::1", "2001:db8::"]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.1.10.0/24", "10.1.10.0/24"), ("10.1.10.254/24", "10.1.10.0/24"), ("10.1.10.1", "10.1.10.1/32"),
        ("2001:db8::5/64", "2001:db8::/64"), ("10.1.10.0/33", None), ("fe80::%eth0/64", None), ("x", None),
    ],
)  # fmt: skip
def test_prefix(text: str, canonical: str | None) -> None:
    prefix = read_prefix(text)
    assert (prefix.text if prefix else None) == canonical


def test_prefix_contains_and_overlaps() -> None:
    prefix, inner, other = (
        read_prefix("10.1.10.0/24"),
        read_prefix("10.1.10.128/25"),
        read_prefix("10.1.11.0/24"),
    )
    six = read_prefix("::/0")
    assert prefix
    assert inner
    assert other
    assert six
    for text, inside in [
        ("10.1.10.0", True),
        ("10.1.10.255", True),
        ("10.1.11.0", False),
        ("10.1.9.255", False),
    ]:
        address = read_address(text)
        assert address
        assert (address in prefix) is inside
        assert address not in six
    assert prefix.overlaps(inner)
    assert inner.overlaps(prefix)
    assert not prefix.overlaps(other)
    assert not prefix.overlaps(six)
