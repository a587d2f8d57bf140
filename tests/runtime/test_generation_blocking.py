"""Blocked source prefixes: what a packet would find at any time, and what the kernel's tries say."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vc5d.document import Blocked
from vc5d.errors import Vc5Error
from vc5d.generation import blocking
from vc5d.generation.blocking import set_blocked
from vc5d.xdp.maps import Capacity, Maps
from vc5d.xdp.program import Program
from vc5d.xdp.stores import MemoryTable

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 1024)
OBJECT = Path(__file__).parents[2] / "build" / "vc5.bpf.o"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Maps]:
    if os.geteuid() != 0 or not OBJECT.exists():
        pytest.skip("needs root and the built object")
    program = Program.load(OBJECT, CAPACITY)
    yield program.maps
    program.close()


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.bpf)])
def maps(request: pytest.FixtureRequest) -> Maps:
    if request.param == "memory":
        return Maps.in_memory(CAPACITY)
    found: Maps = request.getfixturevalue("kernel")
    set_blocked(found, Blocked())
    return found


def v4(*texts: str) -> Blocked:
    return Blocked(tuple(IPv4Network(text) for text in texts))


def v6(*texts: str) -> Blocked:
    return Blocked((), tuple(IPv6Network(text) for text in texts))


def blocks(maps: Maps, source: str) -> bool:
    """As a packet asks: the switch, the bit, the trie."""
    switches = int(maps.control["switches"][0])
    if ":" in source:
        six = int(IPv6Address(source))
        there, _ = maps.tables["blocked6"].read()
        found = any(
            six >> 128 - int(r["length"]) == int.from_bytes(bytes(r["addr"]), "big") >> 128 - int(r["length"])
            for r in there
        )
        return bool(switches & 2) and found
    four = int(IPv4Address(source))
    if not switches & 1 or not int(maps.blocked4_bits[four >> 18]) >> (four >> 12) % 64 & 1:
        return False
    there, _ = maps.tables["blocked4"].read()
    return any(four >> 32 - int(r["length"]) == int(r["addr_be"]) >> 32 - int(r["length"]) for r in there)


def test_what_is_blocked(maps: Maps) -> None:
    set_blocked(maps, v4("10.0.0.0/8", "192.0.2.7/32", "198.51.96.0/19"))
    assert blocks(maps, "10.255.255.255")
    assert blocks(maps, "192.0.2.7")
    assert not blocks(maps, "192.0.2.8")
    assert blocks(maps, "198.51.127.255")
    assert not blocks(maps, "198.51.128.0")
    assert not blocks(maps, "2001:db8::1")
    bits = sum(int(word).bit_count() for word in maps.blocked4_bits)
    assert bits == (1 << 12) + 1 + 2, "a bit for each /20 that one touches, and no other"
    set_blocked(maps, v6("2001:db8:1::/48"))
    assert blocks(maps, "2001:db8:1:ffff::")
    assert not blocks(maps, "2001:db8:2::")
    assert not blocks(maps, "10.0.0.1")
    assert int(maps.control["switches"][0]) == 2
    set_blocked(maps, Blocked())
    assert int(maps.control["switches"][0]) == 0
    assert not maps.blocked4_bits.any()
    assert [len(maps.tables[name].read()[0]) for name in ("blocked4", "blocked6")] == [0, 0]


def test_everything_can_be_blocked(maps: Maps) -> None:
    set_blocked(maps, Blocked((IPv4Network("0.0.0.0/0"),), (IPv6Network("::/0"),)))
    assert blocks(maps, "203.0.113.9")
    assert blocks(maps, "2001:db8::9")


def test_too_many(maps: Maps) -> None:
    set_blocked(maps, v4("10.0.0.0/8"))
    many = tuple(IPv4Network((n << 8, 25)) for n in range((1 << 16) + 1))
    with pytest.raises(Vc5Error, match="65537 IPv4 source prefixes are to be blocked; 65536 are the most"):
        set_blocked(maps, Blocked(many))
    assert blocks(maps, "10.1.1.1")
    assert len(maps.tables["blocked4"].read()[0]) == 1


@pytest.mark.bpf
def test_as_many_as_may_be_in_place_of_as_many(kernel: Maps) -> None:
    for offset in (0, 128):
        prefixes = tuple(IPv4Network(((n << 8) + offset, 25)) for n in range(1 << 16))
        set_blocked(kernel, Blocked(prefixes))
        assert len(kernel.tables["blocked4"].read()[0]) == 1 << 16


def test_what_stays_blocked_is_never_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at between all steps, over random changes; and what was never blocked is let through."""
    maps = Maps.in_memory(CAPACITY)
    draw = random.Random(5)
    sources = [f"10.{draw.randrange(4)}.{draw.randrange(256)}.{draw.randrange(256)}" for _ in range(40)]
    before = after = frozenset[IPv4Network]()
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1
        for source in sources:
            was, will = (any(IPv4Address(source) in prefix for prefix in some) for some in (before, after))
            if was and will:
                assert blocks(maps, source), f"{source} is open for a moment"
            if not was and not will:
                assert not blocks(maps, source), f"{source} is blocked for a moment"

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*arguments: Any) -> Any:
            look()
            result = call(*arguments)
            look()
            return result

        return made

    for name in ("write", "delete"):
        monkeypatch.setattr(MemoryTable, name, watched(getattr(MemoryTable, name)))
    for name in ("_store", "_switch"):
        monkeypatch.setattr(blocking, name, watched(getattr(blocking, name)))
    for _ in range(30):
        prefixes = [
            IPv4Network((int(IPv4Address(draw.choice(sources))), length), strict=False)
            for length in draw.choices([9, 14, 20, 24, 32], k=draw.choice([0, 1, 4]))
        ]
        after = frozenset(collapse_addresses(prefixes))
        set_blocked(maps, Blocked(tuple(sorted(after))))
        before = after
        look()
    assert looked > 300


def test_bits_are_those_of_the_prefixes() -> None:
    bits = blocking.touched((IPv4Network("0.0.0.0/20"), IPv4Network("255.255.255.255/32")))
    assert np.flatnonzero(bits).tolist() == [0, (1 << 14) - 1]
    assert (int(bits[0]), int(bits[-1])) == (1, 1 << 63)
