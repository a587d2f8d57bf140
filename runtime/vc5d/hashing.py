"""The hashes of docs/document.md over numpy arrays of uint64: services' perfect hash, and a flow's slot.

Everything is modulo 2^64, so every function takes and returns uint64 arrays: numpy wraps arrays silently,
but warns about scalars. A "word" is the key of a service as the data path reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .xdp.layout import Filter

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXER = np.uint64(0xD6E8FEB86659FD93)
Words = npt.NDArray[np.uint64]


def fmix64(x: Words) -> Words:
    """MurmurHash3's finalizer, elementwise."""
    x = x ^ (x >> np.uint64(33))
    x = x * np.uint64(0xFF51AFD7ED558CCD)
    x = x ^ (x >> np.uint64(33))
    x = x * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


def word4(address: bytes, port: int, protocol: int) -> int:
    """The word of an IPv4 key; `address` is 4 bytes in network order."""
    return int.from_bytes(address + port.to_bytes(2, "big") + bytes((protocol, 0)), "little")


def words6(addresses: Sequence[bytes], ports: Sequence[int], protocols: Sequence[int]) -> Words:
    """The words of IPv6 keys; each address is 16 bytes in network order."""
    tails = b"".join(
        bytes(4) + port.to_bytes(2, "big") + bytes((protocol, 0))
        for port, protocol in zip(ports, protocols, strict=True)
    )
    return mixed6(np.frombuffer(b"".join(addresses), "<u8").reshape(-1, 2), np.frombuffer(tails, "<u8"))


def mixed6(halves: Words, tails: Words) -> Words:
    """The same of arrays: (n, 2) addresses' halves, (n,) port and protocol as the upper 4 bytes of a word."""
    return fmix64(fmix64(halves[:, 0].astype(np.uint64)) + halves[:, 1]) ^ tails.astype(np.uint64)


def vip_bits(addresses: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Each VIP's bit in its family's filter (bpf/DESIGN.md): the upper bits of a product."""
    words = np.frombuffer(b"".join(addresses), "<u4" if len(addresses[0]) == 4 else "<u8").astype(np.uint64)
    if len(addresses[0]) == 16:
        words = words[0::2] * GOLDEN + words[1::2]
    return (words * GOLDEN >> np.uint64(Filter.FILTER_SHIFT)).astype(np.int64)


def positions(
    words: Words, salt: int, buckets: int, size: int, displacements: npt.NDArray[np.uint16]
) -> npt.NDArray[np.int64]:
    """Where the perfect hash puts each word: int64 in 0 … size-1. `buckets` and `size` are powers of two."""
    k = fmix64(words + np.array([salt], np.uint64))
    displacement = displacements[(k & np.uint64(buckets - 1)).astype(np.int64)].astype(np.uint64)
    step = (k >> np.uint64(42)) | np.uint64(1)
    return (((k >> np.uint64(20)) + displacement * step) & np.uint64(size - 1)).astype(np.int64)


def slot_index(upper: npt.NDArray[Any], size: npt.NDArray[Any] | int) -> npt.NDArray[np.int64]:
    """The slot of each flow in a table of `size` slots, from the upper 32 bits of its hash."""
    return (upper.astype(np.uint64) * np.asarray(size).astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def flow_hashes(
    keys: npt.NDArray[np.uint8], protocol: int, sticky: npt.NDArray[np.bool_], seed: int
) -> Words:
    """The flow hash of each key (struct flow_key4 or flow_key6 as bytes, one a row). sticky: whether its
    ports and protocol are not hashed."""
    addresses = np.ascontiguousarray(keys[:, :-4]).view("<u8")
    ports = np.ascontiguousarray(keys[:, -4:]).view("<u4")[:, 0].astype(np.uint64)
    ports = np.where(sticky, np.uint64(0), ports | np.uint64(protocol) << np.uint64(32)) * MIXER
    salt = np.array([seed], np.uint64)
    x = (addresses[:, 0] ^ salt) * GOLDEN
    if addresses.shape[1] > 1:
        y = addresses[:, 2] * MIXER + addresses[:, 3]
        x = (fmix64(x + addresses[:, 1]) ^ y) * GOLDEN
    return fmix64(x + ports)
