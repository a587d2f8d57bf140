"""Maps: the kernel's and the ones in memory are used alike and behave alike."""

from __future__ import annotations

import numpy as np
import pytest
from vc5d.layout import FLOW, FLOW_KEY4, Reason
from vc5d.maps import LEAST_FLOWS, RECORDS, Capacity, Maps
from vc5d.program import Program

from .capacity import CAPACITY


def clear_flows(maps: Maps) -> None:
    for kind in ("tcp", "syn", "udp"):
        maps.delete_flows4(kind, maps.read_flows4(kind)[0])


KERNEL = pytest.param("kernel", marks=pytest.mark.bpf)


@pytest.fixture(params=["memory", KERNEL])
def maps(request: pytest.FixtureRequest) -> Maps:
    if request.param == "memory":
        return Maps.in_memory(CAPACITY)
    program: Program = request.getfixturevalue("program")
    clear_flows(program.maps)
    return program.maps


def test_shapes(maps: Maps) -> None:
    lengths = {name: len(getattr(maps, name)) for name in RECORDS}
    assert lengths == {
        "control": 1,
        "displacements4": 2 * CAPACITY.displacement_lines4 * 32,
        "services4": 2 * CAPACITY.positions4,
        "slots": CAPACITY.slots_lines * 32,
        "reals": CAPACITY.reals,
        "service_states": CAPACITY.services,
        "accepting": CAPACITY.accepting_lines * 32,
    }
    assert {name: getattr(maps, name).dtype for name in RECORDS} == RECORDS
    assert maps.capacity == CAPACITY
    assert maps.control["layout"][0] == 1
    assert len(maps.read_real_counters()) == CAPACITY.reals
    assert set(maps.read_reasons()) == set(Reason) - {Reason.REASONS}


def test_stores_are_kept(maps: Maps) -> None:
    maps.reals["state"][5] = 2
    maps.control["generation"]["seed"][0, 1] = 1 << 63
    assert (maps.reals["state"][5], maps.control["generation"][0, 1]["seed"]) == (2, 1 << 63)


@pytest.mark.parametrize("which", ["tcp", "syn", "udp"])
def test_flows(maps: Maps, which: str) -> None:
    keys, values = np.zeros(300, FLOW_KEY4), np.zeros(300, FLOW)
    keys["saddr_be"], values["hash"] = np.arange(300), np.arange(300) * 7
    maps.write_flows4(which, keys, values)
    got = _by_source(maps, which)
    assert got == {n: n * 7 for n in range(300)}
    gone = keys[[3, 299, 4]].copy()
    gone["dport_be"][1] = 1  # there is no such flow: no error, and the others go all the same
    maps.delete_flows4(which, gone)
    assert _by_source(maps, which) == {n: n * 7 for n in range(300) if n not in (3, 4)}
    maps.delete_flows4(which, maps.read_flows4(which)[0])
    assert _by_source(maps, which) == {}


def test_no_flows(maps: Maps) -> None:
    """Nothing is a number of flows, too."""
    maps.write_flows4("tcp", np.zeros(0, FLOW_KEY4), np.zeros(0, FLOW))
    maps.delete_flows4("tcp", np.zeros(0, FLOW_KEY4))
    keys, values = maps.read_flows4("tcp")
    assert (len(keys), len(values), keys.dtype, values.dtype) == (0, 0, FLOW_KEY4, FLOW)


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
    entries = Capacity(0, 0, 0, 0, 0, 0, 0).max_entries()
    assert min(entries.values()) == 1
    assert entries["flows4_syn"] == LEAST_FLOWS


def _by_source(maps: Maps, which: str) -> dict[int, int]:
    keys, values = maps.read_flows4(which)
    return dict(zip(keys["saddr_be"].tolist(), values["hash"].tolist(), strict=True))
