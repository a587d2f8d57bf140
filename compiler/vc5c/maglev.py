"""Maglev tables (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
section 3.4), weighted.

Each real prefers the slots in an order of its own: offset, offset + skip, offset + 2 skip, … modulo the
size, a prime. The reals take turns, each taking its first preferred slot that is still free, until none
is. Offset and skip come from the SHA-256 of the real's address as text (bytes 0-7 and 8-15, little-endian:
`offset = a mod size`, `skip = b mod (size - 1) + 1`). Turns go by the canonical order of addresses, so that
the order in the file cannot matter. A real of weight w has, by the end of round r, had
floor(r * w / heaviest) turns: at most one per round, evenly spaced.

The inner loop is in maglev.c when `make` has built it, else here: equal results (tested), 25 times slower.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from array import array
from functools import cache
from pathlib import Path

from vc5c.resolved import TableSpec

# A change of size moves nearly every flow, so the steps are few and the first is high.
LADDER = (16381, 65537, 655373)
SLOTS_PER_REAL = 100  # imbalance of at most 1 % (the paper, section 5.3)
MAX_REALS = LADDER[-1] // SLOTS_PER_REAL

EMPTY = 0xFFFF
LIBRARY = Path(__file__).with_name("libmaglev.so")
LIBRARY_VERSION = 1


def ladder_size(reals: int) -> int:
    """The smallest size of the ladder with 100 slots per real; the last for any more."""
    return next((size for size in LADDER if size >= SLOTS_PER_REAL * reals), LADDER[-1])


def fill(spec: TableSpec) -> bytes:
    """The slots of a table: spec.size unsigned 16-bit little-endian indexes into spec.reals."""
    offsets, skips = permutations(spec)
    library = _library()
    slots = fill_in_c(library, spec, offsets, skips) if library else fill_in_python(spec, offsets, skips)
    if sys.byteorder == "big":
        slots.byteswap()
    return slots.tobytes()


def permutations(spec: TableSpec) -> tuple[list[int], list[int]]:
    """Offset and skip of each real."""
    hashes = [_hashes(real.text) for real in spec.reals]
    return [a % spec.size for a, _ in hashes], [b % (spec.size - 1) + 1 for _, b in hashes]


@cache
def _hashes(name: str) -> tuple[int, int]:
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def fill_in_python(spec: TableSpec, offsets: list[int], skips: list[int]) -> array[int]:
    """What maglev.c does."""
    slots = array("H", [EMPTY]) * spec.size
    position = list(offsets)
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


def fill_in_c(library: ctypes.CDLL, spec: TableSpec, offsets: list[int], skips: list[int]) -> array[int]:
    slots = array("H", [EMPTY]) * spec.size
    words = ctypes.c_uint32 * len(spec.reals)
    buffer = (ctypes.c_uint16 * spec.size).from_buffer(slots)
    library.maglev_fill(
        ctypes.c_uint32(spec.size),
        ctypes.c_uint32(len(spec.reals)),
        words(*offsets),
        words(*skips),
        words(*spec.weights),
        buffer,
    )
    return slots


@cache
def _library() -> ctypes.CDLL | None:
    """The built library, or None: not built, or of another version or machine."""
    try:
        library = ctypes.CDLL(str(LIBRARY))
        return library if library.maglev_version() == LIBRARY_VERSION else None
    except (OSError, AttributeError):
        return None
