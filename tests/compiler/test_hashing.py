"""The reference flow hash, against docs/document.md written out once more, and tests/bpf/model.py."""

from __future__ import annotations

import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st
from vc5c.hashing import flow_hash, probed, scaled, secret_seed, source_hash

from bpf import model

WORD = (1 << 64) - 1
PORTS = st.integers(1, 65535)
SEEDS = st.integers(0, WORD)
GOLDEN, SECOND = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), PORTS, PORTS, SEEDS)
def test_ipv4_is_the_models(client, vip, source, port, seed) -> None:
    key = client, vip, source.to_bytes(2, "big"), port.to_bytes(2, "big")
    for protocol, number in (("tcp", 6), ("udp", 17)):
        assert flow_hash(client, vip, (source, port), protocol, seed) == model.flow_hash(key, number, seed)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), PORTS, PORTS, SEEDS)
def test_ipv6_is_the_documentations(client, vip, source, port, seed) -> None:
    s0, s1, d0, d1 = struct.unpack("<QQQQ", client + vip)
    (ports,) = struct.unpack("<I", struct.pack(">HH", source, port))
    x = model.fmix64(((s0 ^ seed) * GOLDEN + s1) & WORD)
    y = (d0 * SECOND + d1) & WORD
    for protocol, number in (("tcp", 6), ("udp", 17)):
        expected = model.fmix64(((x ^ y) * GOLDEN + (ports | number << 32) * SECOND) & WORD)
        assert flow_hash(client, vip, (source, port), protocol, seed) == expected
    assert source_hash(client, vip, seed) == model.fmix64((x ^ y) * GOLDEN & WORD)


@given(SEEDS, st.integers(0, 9), st.integers(1, 655373))
def test_probes(hash_, number, size) -> None:
    assert probed(hash_, number) == model.probe(hash_, number)
    assert 0 <= scaled(hash_, size) == model.scaled(hash_, size) < size


def test_secret_seed() -> None:
    expected = int.from_bytes(hashlib.sha256(b"a secret").digest()[:8], "little")
    assert secret_seed(b" a secret\n") == secret_seed(b"a secret") == expected
