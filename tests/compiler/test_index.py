"""The perfect hash against docs/document.md, written down a second time."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c.addresses import read_address
from vc5c.index import build_index, fmix64, key_word

U64 = 1 << 64


def reference_fmix(x: int) -> int:
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD % U64
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 % U64
    return x ^ (x >> 33)


def reference_word(address: str, port: int, protocol: int) -> int:
    packed = ip_address(address).packed
    if len(packed) == 4:
        return struct.unpack("<Q", packed + struct.pack("!HB", port, protocol) + b"\0")[0]
    low, high = struct.unpack("<QQ", packed)
    tail = struct.unpack("<Q", b"\0\0\0\0" + struct.pack("!HB", port, protocol) + b"\0")[0]
    return reference_fmix((reference_fmix(low) + high) % U64) ^ tail


def reference_position(index, word: int) -> int:
    k = reference_fmix((word + index.salt) % U64)
    displacements = struct.unpack(f"<{index.buckets}H", index.displacements)
    return ((k >> 20) + displacements[k % index.buckets] * ((k >> 42) | 1)) % index.size


def key(address: str, port: int, protocol: str):
    return read_address(address), port, protocol


NUMBERS = {"": 0, "tcp": 6, "udp": 17}

keys4 = st.tuples(
    st.integers(0, 2**32 - 1).map(lambda n: str(ip_address(n))),
    st.integers(1, 65535),
    st.sampled_from(["tcp", "udp"]),
)
keys6 = st.tuples(
    st.integers(2**32, 2**128 - 1).map(lambda n: str(ip_address(n))),
    st.integers(0, 65535),
    st.sampled_from(["tcp", "udp"]),
)


def test_every_port_is_a_key_beside_the_bare_vip() -> None:
    """(address, 0, protocol) for a service of every port, (address, 0, 0) for its VIP."""
    for address in ("192.0.2.1", "2001:db8::1"):
        keys = [(address, 0, "tcp"), (address, 0, "udp"), (address, 0, ""), (address, 80, "tcp")]
        index = build_index([key(*k) for k in keys])
        positions = {reference_position(index, reference_word(a, port, NUMBERS[p])) for a, port, p in keys}
        assert len(positions) == 4


@given(st.one_of(st.sets(keys4, min_size=1, max_size=60), st.sets(keys6, min_size=1, max_size=60)))
@settings(max_examples=80, deadline=None)
def test_every_key_has_a_position_of_its_own(keys) -> None:
    index = build_index([key(*k) for k in keys])
    assert index.buckets & (index.buckets - 1) == 0
    assert index.size & (index.size - 1) == 0
    assert index.size >= len(keys)
    positions = {reference_position(index, reference_word(a, port, NUMBERS[p])) for a, port, p in keys}
    assert len(positions) == len(keys)


def test_known_values() -> None:
    """Fixed numbers, which the XDP program's side must reach too."""
    assert fmix64(0) == 0
    assert fmix64(1) == 0xB456BCFC34C2CB2C
    assert key_word(key("192.168.101.1", 80, "tcp")) == 0x000650000165A8C0
    assert key_word(key("192.168.101.1", 0, "")) == 0x000000000165A8C0


def test_no_keys() -> None:
    index = build_index([])
    assert (index.salt, index.buckets, index.size, index.displacements) == (0, 0, 0, b"")


def test_order_does_not_matter() -> None:
    keys = [key("192.0.2.1", port, "tcp") for port in range(1, 200)]
    assert build_index(keys) == build_index(reversed(keys))


@pytest.mark.parametrize("count", [1, 2, 3, 2000])
def test_load(count: int) -> None:
    """Dense enough to be small: fewer than four positions a key, but for the very small."""
    keys = [key(str(ip_address("10.0.0.0") + n), 443, "tcp") for n in range(count)]
    index = build_index(keys)
    assert len({reference_position(index, reference_word(str(a), p, 6)) for a, p, _ in keys}) == count
    assert count * 5 // 4 <= index.size <= max(2, 4 * count)
