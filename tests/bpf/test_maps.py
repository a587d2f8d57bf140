"""Maps: the kernel's and the ones in memory are used alike and behave alike."""

from __future__ import annotations

import numpy as np
import pytest
from vc5d.xdp.layout import Reason
from vc5d.xdp.maps import RECORDS, Capacity, Maps
from vc5d.xdp.program import Program
from vc5d.xdp.sizes import LEAST_FLOWS
from vc5d.xdp.stores import FLOW_TABLES, PER_CPU, TABLES, KernelStore

from .capacity import CAPACITY

_TRIES = ("blocked4", "blocked6")  # test_generation_blocking.py
KERNEL = pytest.param("kernel", marks=pytest.mark.bpf)


@pytest.fixture(params=["memory", KERNEL])
def maps(request: pytest.FixtureRequest) -> Maps:
    if request.param == "memory":
        return Maps.in_memory(CAPACITY)
    program: Program = request.getfixturevalue("program")
    for name, table in program.maps.tables.items():
        if name not in _TRIES:
            table.delete(table.read()[0])
    return program.maps


def test_shapes(maps: Maps) -> None:
    lengths = {name: len(getattr(maps, name)) for name in RECORDS}
    assert lengths == {
        "control": 1,
        "displacements": 2 * CAPACITY.displacement_lines * 32,
        "services4": 2 * CAPACITY.positions4,
        "services6": 2 * CAPACITY.positions6,
        "slots": CAPACITY.slots_lines * 32,
        "reals": CAPACITY.reals,
        "service_states": CAPACITY.services,
        "accepting": CAPACITY.accepting_lines * 32,
        "prefixes4": 1 << 20,
        "blocked4_bits": 1 << 14,
        "tunnel_sources": 256,
    }
    assert {name: getattr(maps, name).dtype for name in RECORDS} == RECORDS
    assert maps.capacity == CAPACITY
    assert maps.control["layout"][0] == 4
    assert len(maps.read_real_counters()) == CAPACITY.reals
    assert set(maps.read_reasons()) == set(Reason) - {Reason.REASONS}


def test_stores_are_kept(maps: Maps) -> None:
    maps.reals["state"][5] = 2
    maps.control["generation"]["seed"][0, 1] = 1 << 63
    assert (maps.reals["state"][5], maps.control["generation"][0, 1]["seed"]) == (2, 1 << 63)


def entries(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Different keys, their first four bytes a number, and values with another in theirs."""
    key, value = TABLES[name]
    keys, values = np.zeros(count, key), np.zeros(count, value)
    keys.view("<u4").reshape(count, -1)[:, 0] = np.arange(count)
    values.view("<u4").reshape(count, -1)[:, 0] = np.arange(count) * 7
    return keys, values


def numbers(keys: np.ndarray, values: np.ndarray) -> dict[int, int]:
    count = len(keys)
    columns = (
        np.ascontiguousarray(each).view("<u4").reshape(count, -1)[:, 0].tolist() for each in (keys, values)
    )
    return dict(zip(*columns, strict=True)) if count else {}


@pytest.mark.parametrize("name", [name for name in TABLES if name not in _TRIES])
def test_tables(maps: Maps, name: str) -> None:
    table = maps.tables[name]
    keys, values = entries(name, 300)
    table.write(keys, values)
    assert numbers(*table.read()) == {n: n * 7 for n in range(300)}
    gone = keys[[3, 299, 4]].copy()
    gone.view("u1").reshape(3, -1)[1, -1] = 1  # there is no such entry: no error, and the others go
    table.delete(gone)
    assert numbers(*table.read()) == {n: n * 7 for n in range(300) if n not in (3, 4)}
    table.delete(table.read()[0])
    assert numbers(*table.read()) == {}


@pytest.mark.parametrize("most", [8, 100, 1 << 16])
def test_slices_are_the_whole(maps: Maps, most: int) -> None:
    """Also while what was read is deleted."""
    table = maps.tables["flows6_udp"]
    table.write(*entries("flows6_udp", 1000))
    seen: dict[int, int] = {}
    for keys, values in table.slices(most):
        assert len(keys) <= most
        part = numbers(keys, values)
        assert not seen.keys() & part.keys()
        seen |= part
        table.delete(keys[::2])
    assert seen == {n: n * 7 for n in range(1000)}
    assert 400 <= len(table.read()[0]) <= 500


@pytest.mark.parametrize("name", FLOW_TABLES)
def test_no_flows(maps: Maps, name: str) -> None:
    """Nothing is a number of flows, too."""
    key, value = TABLES[name]
    maps.tables[name].write(np.zeros(0, key), np.zeros(0, value))
    maps.tables[name].delete(np.zeros(0, key))
    keys, values = maps.tables[name].read()
    assert (len(keys), len(values), keys.dtype, values.dtype) == (0, 0, key, value)


@pytest.mark.parametrize("name", PER_CPU)
def test_what_is_per_cpu(maps: Maps, name: str) -> None:
    read = maps.read_percpu(name)
    assert read.dtype == PER_CPU[name]
    assert len(read) == {"real_counters": CAPACITY.reals, "reasons": Reason.REASONS, "timings": 1}[name]


def test_the_first_counters(maps: Maps) -> None:
    """Of those that are not read nothing is told."""
    one, store = np.ones(1, PER_CPU["real_counters"]), maps._store
    for index in (3, 4, CAPACITY.reals - 1):
        if isinstance(store, KernelStore):
            store._maps["real_counters"].write_percpu(index, one.tobytes())
        else:
            store.counts["real_counters"][index] = one  # type: ignore[attr-defined]
    for most, found in ((4, [3]), (5, [3, 4]), (None, [3, 4, CAPACITY.reals - 1])):
        counters = maps.read_real_counters(most)
        assert len(counters) == CAPACITY.reals
        assert np.flatnonzero(counters["packets"]).tolist() == found


def test_counters_start_anew(maps: Maps) -> None:
    maps.zero_real_counters(range(CAPACITY.reals))
    assert not maps.read_real_counters()["packets"].any()


def test_grace(maps: Maps) -> None:
    for _ in range(3):
        maps.wait_grace()


@pytest.mark.bpf
def test_adopted_capacity(program: Program) -> None:
    """What is read back from maps asks for maps of the same sizes."""
    again = Capacity.of(program._kernel_maps)
    assert again == CAPACITY
    assert again.max_entries() == CAPACITY.max_entries()


def test_least_sizes() -> None:
    """A document without services still loads: no map is empty, no LRU table too small to hold a flow."""
    entries = Capacity(0, 0, 0, 0, 0, 0, 0, 0, 0).max_entries()
    assert min(entries.values()) == 1
    assert entries["flows4_syn"] == LEAST_FLOWS
