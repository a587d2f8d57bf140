"""The flow hash of docs/document.md, for one flow at a time: the reference that `--explain` decides by.

Flow addresses are packed, 4 or 16 bytes in network order; ports are numbers. All arithmetic is modulo 2^64.
"""

from __future__ import annotations

import hashlib

from vc5c.index import MASK, PROTOCOLS, fmix64

GOLDEN, SECOND = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
LAST_PROBE, LIST_PROBE = 8, 9  # probes 0 to 8 ask the table, and one more the list of accepting reals


def flow_hash(client: bytes, vip: bytes, ports: tuple[int, int], protocol: str, seed: int) -> int:
    """The hash of a flow: 64 bits. ports: source, destination."""
    source, destination = map(_on_the_wire, ports)
    return _mixed(client, vip, source | destination << 16 | PROTOCOLS[protocol] << 32, seed)


def source_hash(client: bytes, vip: bytes, seed: int) -> int:
    """The hash of a flow of a sticky service: neither ports nor protocol are in it."""
    return _mixed(client, vip, 0, seed)


def probed(hash_: int, number: int) -> int:
    """The hash of a probe; of the first it is the flow's own."""
    return fmix64((hash_ + number * GOLDEN) & MASK) if number else hash_


def scaled(hash_: int, size: int) -> int:
    """The upper half of a hash as an index below size."""
    return (hash_ >> 32) * size >> 32


def secret_seed(text: bytes) -> int:
    """The seed that a credential's text stands for; white space at its ends does not count."""
    return int.from_bytes(hashlib.sha256(text.strip()).digest()[:8], "little")


def _mixed(client: bytes, vip: bytes, b: int, seed: int) -> int:
    if len(client) == 4:
        a = _word(client) | _word(vip) << 32
        return fmix64(((a ^ seed) * GOLDEN + b * SECOND) & MASK)
    x = fmix64(((_word(client[:8]) ^ seed) * GOLDEN + _word(client[8:])) & MASK)
    y = _word(vip[:8]) * SECOND + _word(vip[8:]) & MASK
    return fmix64(((x ^ y) * GOLDEN + b * SECOND) & MASK)


def _word(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _on_the_wire(port: int) -> int:
    """A port as a little-endian load of its two bytes in network order."""
    return (port & 0xFF) << 8 | port >> 8
