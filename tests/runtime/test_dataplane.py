"""The facade over maps in memory: states, links, snapshots, ticks, and what it refuses."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from threading import Event
from typing import Any

import numpy as np
import pytest
from support.checking import check_maps
from support.documents import Spec, document
from support.packets import DataPath, Flow
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey
from vc5d.errors import Vc5Error
from vc5d.generation.transition import Scan
from vc5d.operator.status import counts, plain
from vc5d.web.overview import brief
from vc5d.xdp.layout import FLOW_KEY4, RealState, Vc5Layout
from vc5d.xdp.maps import Capacity, Maps
from vc5d.xdp.stores import MemoryStore, MemoryTable

CAPACITY = Capacity(64, 64, 8, 128, 256, 8, 64, 1024, 1024)
HTTP, HTTPS = "192.168.101.1:80:tcp", "192.168.101.1:443:tcp"
KEY = ServiceKey("192.168.101.1", 80, "tcp")
REALS = {f"10.1.10.{n}": 1 for n in range(1, 6)}
ONE, TWO = "10.1.10.1", "10.1.10.2"
SECOND = 10**9
MAC = "02:00:00:00:00:01"


class Clock:
    ns = SECOND

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plane(clock: Clock) -> Dataplane:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=0)
    made.apply(document(Spec({HTTP: REALS, HTTPS: REALS})))
    return made


def states(plane: Dataplane, service: str = HTTP) -> dict[str, str]:
    return {address: real.state for address, real in plane.snapshot().services[service].reals.items()}


def accept(plane: Dataplane) -> None:
    for key, service in plane.state.services.items():
        for address in service.reals:
            plane.set_state(key, address, RealState.ACCEPTING)


def test_a_report_says_what_was_done(plane: Dataplane) -> None:
    report = plane.apply(document(Spec({HTTP: {**REALS, "10.1.10.9": 1}})))
    assert (report.services_added, report.services_removed) == (0, 1)
    assert (report.reals_added, report.reals_removed) == (1, 0)
    assert (report.tables_written, report.tables_kept, report.generation) == (1, 0, 2)


def test_the_same_document_again_is_not_applied(plane: Dataplane) -> None:
    live = int(plane.maps.control["live"][0])
    report = plane.apply(document(Spec({HTTP: REALS, HTTPS: REALS})))
    assert report.unchanged
    assert int(plane.maps.control["live"][0]) == live


def test_a_failure_after_the_flip_leaves_the_new_document_live(
    plane: Dataplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Vc5Error("the map grace cannot be written")

    new = document(Spec({HTTP: {**REALS, "10.1.10.9": 1}}))
    with monkeypatch.context() as broken:
        broken.setattr(plane.maps, "wait_grace", fail)
        with pytest.raises(Vc5Error, match="grace"):
            plane.apply(new)
    check_maps(plane.maps, new)
    assert plane.set_state(KEY, "10.1.10.9", RealState.ACCEPTING)
    plane.apply(document(Spec({HTTP: REALS})))
    assert states(plane)["10.1.10.9"] == "draining"


def test_a_document_that_does_not_fit_changes_nothing(plane: Dataplane) -> None:
    before = plane.maps.services4.copy(), plane.maps.control.copy(), plane.maps.reals.copy()
    with pytest.raises(Vc5Error, match="too small"):
        plane.apply(document(Spec({HTTP: REALS}, size=8009)))
    after = plane.maps.services4, plane.maps.control, plane.maps.reals
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert plane.set_state(KEY, ONE, RealState.ACCEPTING)


def test_states(plane: Dataplane) -> None:
    assert set(states(plane).values()) == {"down"}
    assert plane.set_state(KEY, ONE, RealState.ACCEPTING)
    assert not plane.set_state(KEY, ONE, RealState.ACCEPTING)
    assert states(plane) == {ONE: "accepting", **dict.fromkeys(list(REALS)[1:], "down")}
    assert set(states(plane, HTTPS).values()) == {"down"}
    assert plane.snapshot().services[HTTP].reals[ONE].consult


@pytest.mark.parametrize(
    ("key", "address"), [(KEY, "10.1.10.9"), (ServiceKey("192.168.101.1", 81, "tcp"), ONE)]
)
def test_states_of_what_is_not_there(plane: Dataplane, key: ServiceKey, address: str) -> None:
    with pytest.raises(Vc5Error, match=f"no real {address} of the service {key}"):
        plane.set_state(key, address, RealState.DOWN)


def test_a_real_that_left_drains_or_is_down(plane: Dataplane) -> None:
    """When it dies, its flows go to others at once."""
    accept(plane)
    plane.apply(document(Spec({HTTP: {a: 1 for a in REALS if a != ONE}})))
    assert states(plane)[ONE] == "draining"
    assert not plane.snapshot().services[HTTP].reals[ONE].configured
    with pytest.raises(Vc5Error, match="no real"):
        plane.set_state(KEY, ONE, RealState.ACCEPTING)
    assert plane.set_state(KEY, ONE, RealState.DOWN)
    assert states(plane)[ONE] == "down"
    assert plane.set_state(KEY, ONE, RealState.DRAINING)
    assert states(plane)[ONE] == "draining"


def test_lists_of_accepting_reals_alternate(plane: Dataplane) -> None:
    """The list that packets were promised last is not the one that is written."""
    words = plane.maps.service_states["accepting"]
    number = plane.state.services[KEY].id
    lines = []
    for address in REALS:
        before = int(words[number])
        old = plane.maps.accepting[(before >> 16) * 32 :][: before & 0xFFFF].copy()
        plane.set_state(KEY, address, RealState.ACCEPTING)
        assert np.array_equal(plane.maps.accepting[(before >> 16) * 32 :][: before & 0xFFFF], old)
        lines.append(int(words[number]) >> 16)
    assert len(set(lines)) == 2
    assert all(a != b for a, b in itertools.pairwise(lines))


def test_links(plane: Dataplane) -> None:
    plane.set_link(ONE, MAC, 10, ifindex=3)
    for name in (HTTP, HTTPS):
        real = plane.snapshot().services[name].reals[ONE]
        assert (real.mac, real.vlan) == (MAC, 10)
    index = plane.state.services[KEY].block.base + plane.state.services[KEY].reals[ONE].index
    assert bytes(plane.maps.reals[index])[:8] == bytes.fromhex("020000000001000a")
    assert int(plane.maps.reals["ifindex"][index]) == 3


def test_a_mac_that_is_not_known_now_stays_on_its_vlan_only(plane: Dataplane) -> None:
    plane.set_link(ONE, MAC, 10)
    plane.set_link(ONE, None, 10)
    assert plane.snapshot().services[HTTP].reals[ONE].mac == MAC
    plane.set_link(ONE, None, 20)
    assert plane.snapshot().services[HTTP].reals[ONE].mac is None
    plane.set_link("10.9.9.9", MAC, 0)  # a neighbor that is no real yet


def test_a_real_that_left_and_returns_keeps_its_link(plane: Dataplane) -> None:
    """It drains meanwhile, so that packets need its MAC at every moment."""
    accept(plane)
    plane.set_link(ONE, MAC, 10)
    entry = plane.state.services[KEY].block.base + plane.state.services[KEY].reals[ONE].index
    known = int(plane.maps.reals["link"][entry])
    without = {address: 1 for address in REALS if address != ONE}
    seen = []
    for reals in (without, {**without, "10.1.10.9": 1}, REALS):
        plane.apply(document(Spec({HTTP: reals, HTTPS: reals})))
        seen.append((int(plane.maps.reals["link"][entry]), plane.state.services[KEY].reals[ONE].configured))
    assert seen == [(known, False), (known, False), (known, True)]


def test_a_snapshot_counts(plane: Dataplane) -> None:
    snapshot = plane.snapshot()
    assert snapshot.generation == 1
    assert snapshot.services[HTTP].slots == {"clear": 61, "transition": 0, "consult": 0}
    assert sum(real.share for real in snapshot.services[HTTP].reals.values()) == pytest.approx(1)
    assert snapshot.flows == {"tcp": 0, "syn": 0, "udp": 0}
    assert snapshot.reasons["drop_no_real"] == 0
    plane.apply(document(Spec({HTTP: {a: 1 for a in REALS if a != ONE}})))
    slots = plane.snapshot().services[HTTP].slots
    assert slots["transition"] > 61 // 6
    assert sum(slots.values()) == 61


def counters(plane: Dataplane) -> np.ndarray:
    """Of reals, by index, to set."""
    kept = plane.maps._store
    assert isinstance(kept, MemoryStore)
    return kept.counts["real_counters"][:, 0]


def test_counters_follow_a_block_that_moves(plane: Dataplane) -> None:
    service = plane.state.services[KEY]
    counters(plane)[service.block.base + service.reals[TWO].index] = (7, 700, 3)
    more = {f"10.1.10.{n}": 1 for n in range(1, 30)}
    counters(plane)[32:] = (1, 1, 1)  # of whoever had the new block's place before
    plane.apply(document(Spec({HTTP: more, HTTPS: REALS})))
    assert plane.state.services[KEY].block != service.block
    real = plane.snapshot().services[HTTP].reals[TWO]
    assert (real.packets, real.bytes, real.flows) == (7, 700, 3)
    assert plane.snapshot().services[HTTP].reals[ONE].packets == 0
    moved = plane.state.services[KEY]
    counters(plane)[moved.block.base + moved.reals[ONE].index] = (2, 20, 1)
    captured = plane.capture()
    assert captured.sums()[HTTP] == {"packets": 9, "bytes": 720, "flows": 4, "sessions": 0}
    assert brief(plain(captured.snapshot())) == counts(captured), "and of every service, the reasons, too"


def test_a_freed_index_starts_counting_anew(plane: Dataplane, clock: Clock) -> None:
    service = plane.state.services[KEY]
    counters(plane)[service.block.base + service.reals[ONE].index] = (7, 700, 3)
    plane.apply(document(Spec({HTTP: {a: 1 for a in REALS if a != ONE}})))
    clock.ns += 100 * SECOND
    plane.tick(clock.ns)
    assert ONE not in states(plane)
    plane.apply(document(Spec({HTTP: {**{a: 1 for a in REALS if a != ONE}, "10.1.10.9": 1}})))
    assert plane.state.services[KEY].reals["10.1.10.9"].index == service.reals[ONE].index
    assert plane.snapshot().services[HTTP].reals["10.1.10.9"].packets == 0


def test_a_transition_lasts_one_lifetime(plane: Dataplane, clock: Clock) -> None:
    accept(plane)
    plane.apply(document(Spec({HTTP: {a: 1 for a in REALS if a != ONE}}, lifetime=30)))
    clock.ns += 59 * SECOND  # the old document remembered flows for 60 s
    plane.tick(clock.ns)
    assert plane.snapshot().services[HTTP].slots["transition"]
    assert states(plane)[ONE] == "draining"
    clock.ns += 2 * SECOND
    plane.tick(clock.ns)
    assert plane.snapshot().services[HTTP].slots == {"clear": 61, "transition": 0, "consult": 0}
    assert ONE not in states(plane)


def test_idle_entries_go_and_needed_ones_keep_their_slot(plane: Dataplane, clock: Clock) -> None:
    accept(plane)
    path = DataPath(plane.maps)
    path.now = clock.ns
    plane.set_state(KEY, ONE, RealState.DRAINING)
    flows = [Flow("10.99.0.1", 1024 + n, HTTP) for n in range(60)]
    reals = {flow: path.packet(flow, syn=True) for flow in flows}
    stored = plane.snapshot().flows["syn"]
    assert 0 < stored < 60
    plane.set_state(KEY, ONE, RealState.ACCEPTING)
    plane.tick(clock.ns)
    assert plane.snapshot().services[HTTP].reals[ONE].consult
    assert {flow: path.packet(flow, syn=False) for flow in flows} == reals
    clock.ns += 61 * SECOND
    plane.tick(clock.ns)
    assert plane.snapshot().flows == {"tcp": 0, "syn": 0, "udp": 0}
    assert not plane.snapshot().services[HTTP].reals[ONE].consult


def begin_scan(plane: Dataplane, clock: Clock) -> None:
    """Until the flow tables have been read, and no further."""
    for _ in range(1000):
        plane.tick(clock.ns, budget_ns=0)
        if plane._upkeep._awaited:
            plane._upkeep._awaited.result()
        if plane._upkeep._scan:
            return
    raise AssertionError("no scan began")


def end_scan(plane: Dataplane, clock: Clock) -> None:
    while plane.tick(clock.ns, budget_ns=0) < 1:
        pass


def test_a_scan_does_not_clear_what_was_set_after_it_began(plane: Dataplane, clock: Clock) -> None:
    accept(plane)
    plane.tick(clock.ns)
    plane.set_state(KEY, ONE, RealState.DOWN)
    begin_scan(plane, clock)
    plane.set_state(KEY, ONE, RealState.ACCEPTING)
    end_scan(plane, clock)
    assert plane.snapshot().services[HTTP].reals[ONE].consult
    plane.tick(clock.ns)
    assert not plane.snapshot().services[HTTP].reals[ONE].consult


def test_a_scan_of_another_generation_is_void(plane: Dataplane, clock: Clock) -> None:
    accept(plane)
    begin_scan(plane, clock)
    plane.apply(document(Spec({HTTP: REALS})))
    assert plane._upkeep._scan is None
    assert plane.snapshot().services[HTTP].reals[ONE].consult


def test_a_flow_that_is_promoted_during_a_scan_is_not_missed(
    plane: Dataplane, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its real came back while it is elsewhere: only its entry keeps it there."""
    accept(plane)
    path = DataPath(plane.maps)
    path.now = clock.ns
    plane.set_state(KEY, ONE, RealState.DOWN)
    flows = [Flow("10.99.0.1", 1024 + n, HTTP) for n in range(60)]
    reals = {flow: path.packet(flow, syn=True) for flow in flows}
    plane.set_state(KEY, ONE, RealState.ACCEPTING)
    slices, moved = MemoryTable.slices, []

    def and_then_promote(table: MemoryTable, most: int) -> Iterator[Any]:
        yield from slices(table, most)
        if table._key == FLOW_KEY4 and not moved:
            moved.extend(path.packet(flow, syn=False) for flow in flows)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryTable, "slices", and_then_promote)
        plane.tick(clock.ns)
    assert plane.snapshot().flows["tcp"] > 0
    assert {flow: path.packet(flow, syn=False) for flow in flows} == reals


def test_a_long_scan_is_followed_by_a_long_rest(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=5 * SECOND)
    scans, read = [], Scan.read

    def slowly(scan: Scan) -> None:
        scans.append(clock.ns)
        clock.ns += SECOND
        read(scan)

    monkeypatch.setattr(Scan, "read", slowly)
    for _ in range(60):
        made.tick(clock.ns)
        clock.ns += SECOND
    assert [after - before for before, after in itertools.pairwise(scans)] == [20 * SECOND] * 3


def test_health_and_documents_do_not_wait_for_a_scan(
    plane: Dataplane, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the flow tables takes as long as it takes: here, until all the rest has been done."""
    reading, go_on = Event(), Event()
    read = Scan.read

    def slowly(scan: Scan) -> None:
        reading.set()
        assert go_on.wait(10)
        read(scan)

    monkeypatch.setattr(Scan, "read", slowly)
    accept(plane)
    while not reading.is_set():
        assert plane.tick(clock.ns, budget_ns=0) < 1
    assert plane.tick(clock.ns, budget_ns=0) > 0, "nothing to do at once"
    assert plane.set_state(KEY, ONE, RealState.DOWN)
    plane.apply(document(Spec({HTTP: REALS})))
    go_on.set()
    plane.close()
    assert states(plane)[ONE] == "down"


def test_a_scan_that_fails_clears_nothing(
    plane: Dataplane, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not read must not be taken for not there."""

    def fail(scan: Scan) -> None:
        raise Vc5Error("the map flows4_tcp cannot be read")

    accept(plane)
    with monkeypatch.context() as broken:
        broken.setattr(Scan, "read", fail)
        with pytest.raises(Vc5Error, match="cannot be read"):
            end_scan(plane, clock)
    assert plane.snapshot().services[HTTP].reals[ONE].consult
    plane.tick(clock.ns)
    assert not plane.snapshot().services[HTTP].reals[ONE].consult


def test_vips(plane: Dataplane, clock: Clock) -> None:
    """Up and down by one word, kept over documents and restarts; a VIP that left comes back down."""
    vips = {"192.168.101.1": True, "192.168.101.2": False, "2001:db8::1": True}
    spec = Spec({HTTP: REALS, "192.168.101.2:80:tcp": REALS, "2001:db8::1:0:udp": {"2001:db8:1::1": 1}})
    plane.apply(document(spec))
    assert plane.snapshot().vips == dict.fromkeys(vips, False)
    for vip, up in vips.items():
        assert plane.set_vip(vip, up) == up
        assert not plane.set_vip(vip, up)
    for on in (plane, Dataplane(plane.maps, clock=clock)):
        assert on.snapshot().vips == vips
        on.apply(document(Spec({**spec.services, HTTPS: REALS})))
        assert on.snapshot().vips == vips
        path = DataPath(plane.maps)
        for vip, up in vips.items():
            found = path.find(vip, 0, 0)
            assert found
            assert bool(found.flags & 32) == up
        on.apply(document(spec))
    plane = on
    plane.apply(document(Spec({"192.168.101.2:80:tcp": REALS})))
    plane.apply(document(spec))
    assert plane.snapshot().vips == dict.fromkeys(vips, False)
    for stranger in ("192.168.101.9", "2001:db8::9", "0.0.0.0", "::"):
        with pytest.raises(Vc5Error, match=f"no VIP {stranger}"):
            plane.set_vip(stranger, True)


def test_known_vlans(clock: Clock) -> None:
    """The document's of both families, and the host's; without any in the document all."""
    plane = Dataplane(Maps.in_memory(CAPACITY), clock=clock)
    six = "2001:db8:1::1"
    plane.apply(
        document(
            Spec({HTTP: REALS, "2001:db8::1:80:tcp": {six: 1}}, vlans={**dict.fromkeys(REALS, 10), six: 20})
        )
    )
    assert known_vlans(plane) == {0, 10, 20}
    plane.set_vlans([4094, 30])
    assert known_vlans(plane) == {0, 10, 20, 30, 4094}
    again = Dataplane(plane.maps, clock=clock)
    again.apply(document(Spec({HTTP: REALS}, vlans=dict.fromkeys(REALS, 11))))
    assert {0, 11, 30, 4094} <= known_vlans(again), "as far as a restart can tell"
    again.set_vlans([])
    assert known_vlans(again) == {0, 11}
    again.apply(document(Spec({HTTP: REALS})))
    assert known_vlans(again) == set(range(4096))


def known_vlans(plane: Dataplane) -> set[int]:
    live = int(plane.maps.control["live"][0])
    words = plane.maps.control["generation"][0, live - 1]["vlans"]
    return {vlan for vlan in range(4096) if int(words[vlan // 64]) >> vlan % 64 & 1}


def test_loads(plane: Dataplane) -> None:
    plane.set_loads(
        {(KEY, ONE): 2.6, (KEY, TWO): 1e12, (KEY, "10.9.9.9"): 1, (ServiceKey(TWO, 1, "udp"), ONE): 1}
    )
    service = plane.state.services[KEY]
    loads = {
        a: int(plane.maps.reals["load"][service.block.base + real.index]) for a, real in service.reals.items()
    }
    assert loads == {**dict.fromkeys(REALS, 0), ONE: 3, TWO: (1 << 32) - 1}


def test_limits(plane: Dataplane) -> None:
    """The table of half-open flows cannot turn over within a round trip and a SYN sent again."""
    plane.set_limits()
    inserts, echoes = (int(plane.maps.control[name][0]) for name in ("inserts", "echoes"))
    syn = plane.maps.capacity.max_entries()["flows4_syn"]
    assert syn / 5 < inserts * (os.cpu_count() or 1) * 4 <= syn
    assert echoes == 1000
    plane.set_limits(0, 7)
    assert (int(plane.maps.control["inserts"][0]), int(plane.maps.control["echoes"][0])) == (0, 7)
    with pytest.raises(Vc5Error, match="limits of -1"):
        plane.set_limits(-1)


def test_another_seed_is_another_document(plane: Dataplane) -> None:
    """A secret one is not in the digest."""
    same = document(Spec({HTTP: REALS, HTTPS: REALS}))
    assert plane.apply(same).unchanged
    report = plane.apply(dataclasses.replace(same, seed=5))
    assert not report.unchanged
    assert plane.snapshot().services[HTTP].slots["transition"] == 61


def test_scans_are_rare(clock: Clock) -> None:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=5 * SECOND)
    made.apply(document(Spec({HTTP: REALS})))
    accept(made)
    made.tick(10 * SECOND)
    made.set_state(KEY, ONE, RealState.DOWN)
    made.set_state(KEY, ONE, RealState.ACCEPTING)
    made.tick(14 * SECOND)
    assert made.snapshot().services[HTTP].reals[ONE].consult
    made.tick(15 * SECOND)
    assert not made.snapshot().services[HTTP].reals[ONE].consult


@pytest.mark.parametrize("vip", ["192.168.101.1:80:tcp", "192.168.101.1:0:tcp", "2001:db8::1:80:tcp"])
def test_flows_keep_their_real_when_least_connections_end(clock: Clock, vip: str) -> None:
    """They are where the load was low, which no table knows."""
    six = vip.startswith("2001")
    reals = {f"2001:db8:1::{n}" if six else f"10.1.10.{n}": 1 for n in range(1, 6)}
    plane = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=0)
    plane.apply(document(Spec({vip: reals}, scheduler={vip: "leastconn"})))
    accept(plane)
    plane.tick(clock.ns)
    (key,) = plane.state.services
    plane.set_loads({(key, address): 100 * n for n, address in enumerate(reals)})
    path = DataPath(plane.maps)
    path.now = clock.ns
    source, dport = "2001:db8:9::1" if six else "10.99.0.1", 0 if key.port else 8000
    flows = {Flow(source, 1024 + n, vip, dport): "" for n in range(200)}
    for flow in flows:
        flows[flow] = path.packet(flow, syn=True)
        assert path.packet(flow, syn=False) == flows[flow]
    first, second, *_, last = reals
    taken = list(flows.values())
    assert taken.count(first) > taken.count(second) > taken.count(last) == 0
    plane.apply(document(Spec({vip: reals})))
    for seconds in (0, 30, 59, 62, 90):
        path.now = clock.ns = (1 + seconds) * SECOND
        plane.tick(clock.ns)
        assert {flow: path.packet(flow, syn=False) for flow in flows} == flows
    clock.ns += 62 * SECOND
    plane.tick(clock.ns)
    assert plane.snapshot().services[vip].slots["clear"] == 61


@pytest.mark.parametrize("sticky", [False, True])
def test_flows_keep_their_real_when_they_are_hashed_otherwise(clock: Clock, sticky: bool) -> None:
    """Those that say nothing between the change, a restart and the next document too: the table of the
    beginning is read with the hash of the beginning."""
    plane = Dataplane(Maps.in_memory(CAPACITY), clock=clock, scan_ns=0)
    plane.apply(document(Spec({HTTP: REALS}, sticky={HTTP} if sticky else set())))
    accept(plane)
    plane.tick(clock.ns)
    path = DataPath(plane.maps)
    path.now = clock.ns
    flows = {Flow(f"10.99.{n}.1", 1024 + n, HTTP): "" for n in range(200)}
    for flow in flows:
        flows[flow] = path.packet(flow, syn=True)
    other = set() if sticky else {HTTP}
    plane.apply(document(Spec({HTTP: REALS}, sticky=other)))
    spoke = list(flows)[:50]
    assert all(path.packet(flow, syn=False) == flows[flow] for flow in spoke)
    plane = Dataplane(plane.maps, clock=clock, scan_ns=0)
    plane.apply(document(Spec({HTTP: {**REALS, "10.1.10.9": 1}}, sticky=other)))
    assert {flow: path.packet(flow, syn=False) for flow in flows} == flows


def test_a_restart_keeps_links_states_and_counts(plane: Dataplane, clock: Clock) -> None:
    accept(plane)
    plane.set_link(ONE, MAC, 10, ifindex=4)
    plane.set_state(KEY, TWO, RealState.DRAINING)
    before = plane.snapshot()
    again = Dataplane(plane.maps, clock=clock)
    assert again.snapshot() == before
    report = again.apply(document(Spec({HTTP: REALS, HTTPS: REALS})))
    assert report.unchanged
    assert (report.tables_kept, report.tables_written, report.reals_added) == (2, 0, 0)
    assert again.snapshot().services == before.services
    again.apply(document(Spec({HTTP: REALS, "192.168.101.2:80:tcp": REALS})))
    assert again.snapshot().services["192.168.101.2:80:tcp"].reals[ONE].mac == MAC


def test_a_real_without_slots_is_still_of_the_document_after_a_restart(clock: Clock) -> None:
    maps = Maps.in_memory(CAPACITY)
    spec = Spec({HTTP: REALS}, size=3)  # three of the five have a slot
    made = Dataplane(maps, clock=clock)
    made.apply(document(spec))
    again = Dataplane(maps, clock=clock)
    again.apply(document(spec))
    accept(again)
    assert set(states(again).values()) == {"accepting"}


def test_maps_that_contradict_themselves(plane: Dataplane, clock: Clock) -> None:
    plane.maps.reals["service"][plane.state.services[KEY].block.base] = 99
    with pytest.raises(Vc5Error, match=f"the block of reals of {KEY}") as error:
        Dataplane(plane.maps, clock=clock)
    assert "--uninstall" in error.value.hint


def test_maps_in_memory_have_no_program(plane: Dataplane) -> None:
    assert int(plane.maps.control["layout"][0]) == Vc5Layout.VERSION
    with pytest.raises(Vc5Error, match="no interface"):
        plane.attach("vc5nosuch0")
    with pytest.raises(Vc5Error, match="in memory"):
        plane.attach("lo")
