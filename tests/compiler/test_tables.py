"""Tables made in parallel, and kept in memory or not: the same whatever the way."""

from __future__ import annotations

import hashlib
import json

import pytest
from vc5c import maglev, tables
from vc5c.addresses import Address
from vc5c.resolved import TableSpec
from vc5c.spool import Spool
from vc5c.tables import make_tables


def spec(first: int, count: int = 3, size: int = 251) -> TableSpec:
    reals = tuple(Address((0x0A000000 + n).to_bytes(4)) for n in range(first, first + count))
    return TableSpec(size, reals, (1,) * count)


SPECS = [spec(n) for n in range(20)]


def texts(made) -> list[tuple[str, bytes]]:
    return [(table.digest, table.text()) for table in made.values()]


def test_canonical_json_found_by_its_digest() -> None:
    for one, table in make_tables(SPECS, Spool()).items():
        text = table.text()
        value = json.loads(text)
        assert text == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        assert table.digest == hashlib.sha256(text).hexdigest()
        assert value["reals"] == [str(real) for real in one.reals]
        assert value["weights"] == list(one.weights)


def test_equal_ones_are_made_once(monkeypatch) -> None:
    filled, steps = [], []
    fill = maglev.fill
    monkeypatch.setattr(maglev, "fill", lambda one: filled.append(one) or fill(one))
    made = make_tables(SPECS + SPECS[::-1], Spool(), step=lambda: steps.append(1))
    assert set(filled) == set(made) == set(SPECS)
    assert len(filled) == len(SPECS)
    assert len(steps) == len(SPECS)


@pytest.mark.parametrize("cores", [1, 2, 7])
def test_cores_decide_nothing(monkeypatch, cores: int) -> None:
    expected = texts(make_tables(SPECS, Spool()))
    monkeypatch.setattr(tables, "_cores", lambda: cores)
    assert texts(make_tables(SPECS, Spool())) == expected


@pytest.mark.parametrize("in_memory", [0, 700, 1 << 20])
def test_memory_decides_nothing(in_memory: int) -> None:
    expected = texts(make_tables(SPECS, Spool()))
    made = make_tables(SPECS, Spool(in_memory))
    assert texts(made) == expected
    assert texts(made) == expected  # a second time, too


def test_no_tables() -> None:
    assert make_tables([], Spool()) == {}


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch) -> None:
    def fail(_spec: TableSpec) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(maglev, "fill", fail)
    with pytest.raises(OSError, match="No space left"):
        make_tables(SPECS, Spool())
