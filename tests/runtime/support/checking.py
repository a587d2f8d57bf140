"""What must hold of the maps at any time, read from them alone and from the document that should be live."""

from __future__ import annotations

import hashlib
import struct

from vc5d.document import Document
from vc5d.maps import Maps

from .packets import ACCEPTING, CONSULT, PROTOCOLS, TRANSITION, VIP, DataPath, Found


def check_maps(maps: Maps, document: Document) -> None:
    """Raises AssertionError unless the maps hold exactly this document, whole."""
    path = DataPath(maps)
    generation = path.generation()
    assert "sha256:" + bytes(generation["digest"]).hex() == document.digest
    assert int(generation["seed"]) == document.seed
    records = {str(key): path.service(str(key)) for key in document.services}
    for vip in document.vips:
        found = path.find(vip, 0, 0)
        assert found is not None
        assert found.flags == VIP
        assert path.find(vip, 65535, PROTOCOLS["udp"]) is None
    _check_half(maps, generation, len(records) + len(document.vips))
    for key, service in document.services.items():
        _check_table(path, records[str(key)], document.tables[service.table], str(key))
        _check_list(path, records[str(key)], set(service.reals))
        _check_first(path, records[str(key)])
    _check_places(maps, list(records.values()))


def _check_half(maps: Maps, generation: object, keys: int) -> None:
    """No entry that an earlier document left there."""
    base, size = int(generation["services4_base"]), int(generation["index4_size"])  # type: ignore[index]
    half = maps.services4[base : base + size]
    assert sum(bytes(entry) != bytes(64) for entry in half) == keys


def _check_table(path: DataPath, record: Found, table: object, name: str) -> None:
    """Every slot leads to the real that the document's table names, and that entry is that real's."""
    assert record.table_size == table.size  # type: ignore[attr-defined]
    seen: dict[int, str] = {}
    for index, number in enumerate(table.slots.tolist()):  # type: ignore[attr-defined]
        owner, state = path.slot(record.slots_line, index)
        assert state <= CONSULT
        assert state != TRANSITION or record.first_size, "a transition has a first table"
        real = record.reals_base + owner
        if real not in seen:
            seen[real] = path.address(real)
            entry = path.maps.reals[real]
            assert int(entry["state"]) & 3, "an owner is not absent"
            assert int(entry["service"]) == record.id
            assert int(entry["id"]) == stable_id(f"{name} {seen[real]}")
        assert seen[real] == table.reals[number]  # type: ignore[attr-defined]


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
