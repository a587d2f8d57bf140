"""Maglev tables (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
section 3.4), weighted.

Each real prefers the slots in an order of its own: offset, offset + skip, offset + 2 skip, … modulo the
size, a prime. The reals take turns, each taking its first preferred slot that is still free, until none
is. Offset and skip come from the SHA-256 of the real's address as text (bytes 0-7 and 8-15, little-endian:
`offset = a mod size`, `skip = b mod (size - 1) + 1`). Turns go by the canonical order of addresses, so that
the order in the file cannot matter. A real of weight w has, by the end of round r, had
floor(r * w / heaviest) turns: at most one per round, evenly spaced.

The inner loops are in maglev.c when `make` has built it, else here: equal results (tested), 25 times slower.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from array import array
from functools import cache

from vc5c.maglev_library import library
from vc5c.resolved import TableSpec

# What the slots are a function of, beside the specification: a change here makes cached tables useless.
ALGORITHM = "maglev-sha256-1"

# A change of size moves nearly every flow, so the steps are few and the first is high.
LADDER = (16381, 65537, 655373)
SLOTS_PER_REAL = 100  # imbalance of at most 1 % (the paper, section 5.3)
MAX_REALS = LADDER[-1] // SLOTS_PER_REAL

EMPTY = 0xFFFF
HASH_BYTES = 16


def ladder_size(reals: int) -> int:
    """The smallest size of the ladder with 100 slots per real; the last for any more."""
    return next((size for size in LADDER if size >= SLOTS_PER_REAL * reals), LADDER[-1])


def fill(spec: TableSpec) -> bytes:
    """The slots of a table: spec.size unsigned 16-bit little-endian indexes into spec.reals."""
    hashes = b"".join([_hash(real.text) for real in spec.reals])
    built = library()
    slots = built.fill(spec.size, hashes, spec.weights) if built else fill_in_python(spec, hashes)
    if sys.byteorder == "big":
        slots.byteswap()
    return slots.tobytes()


def fits(spec: TableSpec, slots: bytes) -> bool:
    """Whether these could be the slots of a table: so many, and no index beyond its reals."""
    if len(slots) != 2 * spec.size:
        return False
    numbers = array("H", slots)
    if sys.byteorder == "big":
        numbers.byteswap()
    built = library()
    return (built.highest(numbers) if built else max(numbers)) < len(spec.reals)


def encode(slots: bytes) -> bytes:
    """Base64."""
    built = library()
    return built.base64(slots) if built else base64.b64encode(slots)


def fill_in_python(spec: TableSpec, hashes: bytes) -> array[int]:
    """What maglev.c does. hashes: 16 bytes per real."""
    numbers = [int.from_bytes(hashes[at : at + 8], "little") for at in range(0, len(hashes), 8)]
    position = [a % spec.size for a in numbers[::2]]
    skips = [b % (spec.size - 1) + 1 for b in numbers[1::2]]
    slots = array("H", [EMPTY]) * spec.size
    heaviest, filled, turn = max(spec.weights), 0, 0
    while True:
        for real, weight in enumerate(spec.weights):
            if (turn + 1) * weight // heaviest == turn * weight // heaviest:
                continue
            slot = position[real]
            while slots[slot] != EMPTY:
                slot = (slot + skips[real]) % spec.size
            slots[slot] = real
            position[real] = (slot + skips[real]) % spec.size
            filled += 1
            if filled == spec.size:
                return slots
        turn += 1


@cache
def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:HASH_BYTES]
