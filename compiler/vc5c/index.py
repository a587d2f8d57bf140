"""The perfect hash that finds a service: displacements so that no two keys share a position.

Hash and displace (Belazzougui, Botelho, Dietzfelbinger, "Hash, Displace, and Compress", ESA 2009). The
functions are docs/document.md's, which the XDP program computes too; this module only searches: biggest
buckets first, the smallest displacement that fits, and a new salt if one bucket finds none.
"""

from __future__ import annotations

import struct
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from vc5c.addresses import Address

MASK = (1 << 64) - 1
PROTOCOLS = {"": 0, "tcp": 6, "udp": 17}
KEYS_PER_BUCKET = 2
# At most 4 of 5 positions are taken: the search stays short, and the map small.
POSITIONS_NUMERATOR, POSITIONS_DENOMINATOR = 5, 4
MAX_DISPLACEMENT = 0xFFFF

Key = tuple[Address, int, str]  # protocol "" and port 0: the bare VIP


@dataclass(frozen=True, slots=True)
class Index:
    """buckets and size are powers of two, or both 0: no keys."""

    salt: int
    buckets: int
    size: int
    displacements: bytes  # little-endian unsigned 16 bits each


def fmix64(x: int) -> int:
    """MurmurHash3's finalizer (public domain): every bit of the input changes half the output's."""
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & MASK
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ x >> 33


def key_word(key: Key) -> int:
    """A key as one 64-bit number."""
    address, port, protocol = key
    rest = struct.pack(">HBx", port, PROTOCOLS[protocol])
    if address.version == 4:
        return int.from_bytes(address.packed + rest, "little")
    low, high = struct.unpack("<QQ", address.packed)
    return fmix64((fmix64(low) + high) & MASK) ^ int.from_bytes(bytes(4) + rest, "little")


def build_index(keys: Iterable[Key]) -> Index:
    """The index of distinct keys; depends on their set alone, not on their order."""
    key_words = sorted(key_word(key) for key in keys)
    if not key_words:
        return Index(0, 0, 0, b"")
    positions = _power_of_two(len(key_words) * POSITIONS_NUMERATOR // POSITIONS_DENOMINATOR + 1)
    buckets = _power_of_two(-(-len(key_words) // KEYS_PER_BUCKET))
    salt = 0
    while (displacements := _displace(key_words, salt, buckets, positions)) is None:
        salt += 1
    return Index(salt, buckets, positions, struct.pack(f"<{buckets}H", *displacements))


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length() if least > 1 else 1


def _displace(key_words: list[int], salt: int, buckets: int, positions: int) -> array[int] | None:
    """A displacement per bucket, or None if this salt has no answer."""
    members: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for word in key_words:
        k = fmix64((word + salt) & MASK)
        members[k & (buckets - 1)].append((k >> 20, k >> 42 | 1))
    taken = bytearray(positions)
    displacements = array("H", bytes(2 * buckets))
    for bucket in sorted(members, key=lambda b: (-len(members[b]), b)):
        fit = _first_fit(members[bucket], taken, positions)
        if fit is None:
            return None
        displacement, places = fit
        displacements[bucket] = displacement
        for place in places:
            taken[place] = 1
    return displacements


def _first_fit(keys: list[tuple[int, int]], taken: bytearray, positions: int) -> tuple[int, set[int]] | None:
    """The smallest displacement that takes every key of a bucket to a free position of its own."""
    # Beyond `positions` the walk repeats itself: the step is odd, so it has met every position.
    for displacement in range(min(positions, MAX_DISPLACEMENT + 1)):
        places = {(start + displacement * step) & (positions - 1) for start, step in keys}
        if len(places) == len(keys) and not any(taken[place] for place in places):
            return displacement, places
    return None
