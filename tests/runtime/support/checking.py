"""What must hold of the maps at any time, read from them alone and from the document that should be live."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from vc5d.document import Document
from vc5d.xdp.maps import Maps

from .packets import ACCEPTING, CONSULT, PROTOCOLS, UP, VIP, DataPath, Found


def check_maps(maps: Maps, document: Document) -> None:
    """Raises AssertionError unless the maps hold exactly this document, whole."""
    path = DataPath(maps)
    generation = path.generation()
    assert "sha256:" + bytes(generation["digest"]).hex() == document.digest
    assert int(generation["seed"]) == document.seed
    records = {str(key): path.service(str(key)) for key in document.services}
    for vip in document.vips:
        assert path._may_be_vip(vip), "the filter lets it through"
        found = path.find(vip, 0, 0)
        assert found is not None
        assert found.flags & ~UP == VIP
        assert path.find(vip, 65535, PROTOCOLS["udp"]) is None
    for family in (4, 6):
        keys = [key for key in document.services if key.family == family]
        _check_half(maps, generation, family, len(keys) + len({key.address for key in keys}))
    _check_bits(generation, document)
    for key, service in document.services.items():
        assert records[str(key)].flags == service_flags(document.services[key])
        _check_table(path, records[str(key)], document.tables[service.table], str(key))
        _check_list(path, records[str(key)], set(service.reals))
        _check_first(path, records[str(key)])
    _check_places(maps, list(records.values()))


def _check_half(maps: Maps, generation: Any, family: int, keys: int) -> None:
    """No entry that an earlier document left there."""
    index = generation[f"index{family}"]
    base, size = int(index["services_base"]), int(index["size"])
    half = (maps.services4 if family == 4 else maps.services6)[base : base + size]
    assert sum(bytes(entry) != bytes(64) for entry in half) == keys


def _check_bits(generation: Any, document: Document) -> None:
    """Any-port flags, known VLANs, and no bit in a filter that no VIP has set."""
    families = {key.family for key in document.services if not key.port}
    assert int(generation["flags"]) == (4 in families) + 2 * (6 in families)
    vlans = {0, *document.vlans, *document.vlans6}
    bits = sum(int(word) << 64 * n for n, word in enumerate(generation["vlans"]))
    assert all(bits >> vlan & 1 for vlan in vlans)
    if len(vlans) == 1:
        assert bits == (1 << 4096) - 1, "without VLANs every tag is known"
    for family in (4, 6):
        there = sum(int(word).bit_count() for word in generation[f"vips{family}"])
        vips = {key.address for key in document.services if key.family == family}
        assert there <= len(vips)
        assert bool(there) == bool(vips)


def _check_table(path: DataPath, record: Found, table: object, name: str) -> None:
    """Every slot leads to the real that the document's table names, and that entry is that real's."""
    assert record.table_size == table.size  # type: ignore[attr-defined]
    seen: dict[int, str] = {}
    for index, number in enumerate(table.slots.tolist()):  # type: ignore[attr-defined]
        owner, state = path.slot(record.slots_line, index)
        assert state <= CONSULT
        real = record.reals_base + owner
        if real not in seen:
            seen[real] = path.address(real)
            entry = path.maps.reals[real]
            assert int(entry["state"]) & 3, "an owner is not absent"
            assert int(entry["service"]) == record.id
            assert int(entry["id"]) == stable_id(f"{name} {seen[real]}")
        assert seen[real] == table.reals[number]  # type: ignore[attr-defined]


def service_flags(service: Any) -> int:
    if service.leastconn:
        return 2 | 16
    return {"needed": 0, "full": 2, "minimal": 4}[service.track] | 8 * service.sticky


def stable_id(text: str) -> int:
    return struct.unpack("<I", hashlib.blake2b(text.encode()).digest()[:4])[0] or 1


def _block(path: DataPath, record: Found) -> range:
    end = record.reals_base
    while end < len(path.maps.reals) and int(path.maps.reals["service"][end]) == record.id:
        end += 1
    return range(record.reals_base, end)


def _check_list(path: DataPath, record: Found, configured: set[str]) -> None:
    """The published list has exactly the accepting reals, and only reals of the document accept."""
    published = int(path.maps.service_states["accepting"][record.id])
    start, count = (published >> 16) * 32, published & 0xFFFF
    listed = [record.reals_base + int(index) for index in path.maps.accepting[start : start + count]]
    assert listed == [index for index in _block(path, record) if path.state(index) == ACCEPTING]
    assert {path.address(index) for index in listed} <= configured


def _check_first(path: DataPath, record: Found) -> None:
    for index in range(record.first_size):
        owner, _ = path.slot(record.first_line, index)
        assert path.state(record.reals_base + owner), "a first table's owner is not absent"


def _check_places(maps: Maps, records: list[Found]) -> None:
    """Tables and blocks are the same or apart; 0 is no real's index."""
    extents = set()
    for record in records:
        extents.add((record.slots_line, -(-record.table_size // 32)))
        if record.first_size:
            extents.add((record.first_line, -(-record.first_size // 32)))
    end = 0
    for line, length in sorted(extents):
        assert line >= end, "tables overlap"
        end = line + length
    assert end <= maps.capacity.slots_lines
    ids = [record.id for record in records]
    assert len(set(ids)) == len(ids)
    assert 0 not in ids
    path = DataPath(maps)
    taken: set[int] = {0}
    for record in records:
        block = set(_block(path, record))
        assert block
        assert not block & taken
        taken |= block
