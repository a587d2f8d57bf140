"""The reference flow hash, against docs/document.md written out once more."""

from __future__ import annotations

import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st
from vc5c.hashing import flow_hash, probed, scaled, secret_seed, source_hash

WORD = (1 << 64) - 1
PORTS = st.integers(1, 65535)
SEEDS = st.integers(0, WORD)
GOLDEN, SECOND = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


def fmix64(x: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x &= WORD
        x = (x ^ x >> 33) * factor & WORD
    return x ^ x >> 33


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), PORTS, PORTS, SEEDS)
def test_ipv4(client, vip, source, port, seed) -> None:
    (a,) = struct.unpack("<Q", client + vip)
    (ports,) = struct.unpack("<I", struct.pack(">HH", source, port))
    for protocol, number in (("tcp", 6), ("udp", 17)):
        expected = fmix64((a ^ seed) * GOLDEN + (ports | number << 32) * SECOND)
        assert flow_hash(client, vip, (source, port), protocol, seed) == expected
    assert source_hash(client, vip, seed) == fmix64((a ^ seed) * GOLDEN)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), PORTS, PORTS, SEEDS)
def test_ipv6(client, vip, source, port, seed) -> None:
    s0, s1, d0, d1 = struct.unpack("<QQQQ", client + vip)
    (ports,) = struct.unpack("<I", struct.pack(">HH", source, port))
    x = fmix64(((s0 ^ seed) * GOLDEN + s1) & WORD)
    y = (d0 * SECOND + d1) & WORD
    for protocol, number in (("tcp", 6), ("udp", 17)):
        expected = fmix64(((x ^ y) * GOLDEN + (ports | number << 32) * SECOND) & WORD)
        assert flow_hash(client, vip, (source, port), protocol, seed) == expected
    assert source_hash(client, vip, seed) == fmix64((x ^ y) * GOLDEN & WORD)


@given(SEEDS, st.integers(0, 9), st.integers(1, 655373))
def test_probes(hash_, number, size) -> None:
    assert probed(hash_, number) == (fmix64(hash_ + number * GOLDEN) if number else hash_)
    assert 0 <= scaled(hash_, size) == int((hash_ >> 32) / 2**32 * size) < size


def test_secret_seed() -> None:
    expected = int.from_bytes(hashlib.sha256(b"a secret").digest()[:8], "little")
    assert secret_seed(b" a secret\n") == secret_seed(b"a secret") == expected
