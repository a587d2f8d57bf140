"""The hashes of docs/document.md and bpf/DESIGN.md, over bytes as they are on the wire."""

from __future__ import annotations

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SECOND = 0xD6E8FEB86659FD93
FILTER_SHIFT = 51

FlowKey = tuple[bytes, bytes, bytes, bytes]  # source, destination, source port, destination port


def little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def fmix64(x: int) -> int:
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & WORD
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 33


def key_word(address: bytes, port: int, protocol: int) -> int:
    """What the perfect hash is of: a service's key as one word."""
    ports = port.to_bytes(2, "big") + bytes((protocol, 0))
    if len(address) == 4:
        return little(address + ports)
    high = fmix64(little(address[:8]))
    return fmix64((high + little(address[8:])) & WORD) ^ little(bytes(4) + ports)


def position(word: int, salt: int, displacement: int, size: int) -> int:
    k = fmix64((word + salt) & WORD)
    return ((k >> 20) + displacement * ((k >> 42) | 1)) & (size - 1)


def bucket(word: int, salt: int, buckets: int) -> int:
    return fmix64((word + salt) & WORD) & (buckets - 1)


def vip_bit(address: bytes) -> int:
    """The VIP filter's bit: 0 to 8191."""
    word = little(address[:8])
    if len(address) == 16:
        word = (word * GOLDEN + little(address[8:])) & WORD
    return (word * GOLDEN & WORD) >> FILTER_SHIFT


def ports_word(key: FlowKey, protocol: int) -> int:
    """`b` of docs/document.md, of a service that is not sticky."""
    return little(key[2]) | little(key[3]) << 16 | protocol << 32


def flow_hash(key: FlowKey, protocol: int, seed: int, sticky: bool = False) -> int:
    source, destination = key[0], key[1]
    b = 0 if sticky else ports_word(key, protocol)
    if len(source) == 4:
        a = (little(source) | little(destination) << 32) ^ seed
    else:
        x = fmix64(((little(source[:8]) ^ seed) * GOLDEN + little(source[8:])) & WORD)
        y = little(destination[:8]) * SECOND + little(destination[8:])
        a = (x ^ y) & WORD
    return fmix64((a * GOLDEN + b * SECOND) & WORD)


def session_key(h: int, key: FlowKey, protocol: int) -> int:
    return (h + ports_word(key, protocol) * GOLDEN) & WORD


def probe(h: int, n: int) -> int:
    return fmix64((h + n * GOLDEN) & WORD) if n else h


def scaled(h: int, size: int) -> int:
    return (h >> 32) * size >> 32
