"""docs/document.md's hashes of a flow, over arrays of 64-bit words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HALF, _SHIFT = np.uint64(32), np.uint64(33)
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def fmix64(x: Words) -> Words:
    x = (x ^ (x >> _SHIFT)) * _FIRST
    x = (x ^ (x >> _SHIFT)) * _SECOND
    return x ^ (x >> _SHIFT)


def probe(h: Words, n: int) -> Words:
    with np.errstate(over="ignore"):
        return fmix64(h + np.uint64(n) * GOLDEN) if n else h


def scaled(h: Words, size: Any) -> Numbers:
    """Of the upper half, as a number below size."""
    found: Numbers = ((h >> _HALF) * np.asarray(size, np.uint64) >> _HALF).astype(np.int64)
    return found


def bit(numbers: Any) -> Words:
    """1 << number: which load balancer, in the words of what each of them holds."""
    found: Words = np.uint64(1) << np.asarray(numbers).astype(np.uint64)
    return found
