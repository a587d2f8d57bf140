"""A load balancer that starts goes on from where a peer is: over maps in memory, packets judged by
support.packets, which shares no code with vc5d."""

from __future__ import annotations

from copy import deepcopy

import pytest
from support.checking import check_maps
from support.documents import Spec, document
from support.packets import CLEAR, CONSULT, TRANSITION, DataPath, Flow
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.generation.inherit import pack, unpack
from vc5d.generation.state import FleetView
from vc5d.xdp.layout import RealState
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(
    positions4=64,
    positions6=64,
    displacement_lines=8,
    slots_lines=256,
    reals=512,
    services=16,
    accepting_lines=128,
    flows=1024,
    sessions=1024,
)
SERVICE, OTHER = "192.168.101.1:80:tcp", "192.168.101.2:80:tcp"
KEY = ServiceKey("192.168.101.1", 80, "tcp")
SECOND = 10**9


def reals(*numbers: int) -> dict[str, int]:
    return {f"10.1.10.{number}": 1 for number in numbers}


class Host:
    """A load balancer in memory."""

    def __init__(self, spec: Spec) -> None:
        self.now = SECOND
        self.maps = Maps.in_memory(CAPACITY)
        self.plane = Dataplane(self.maps, clock=lambda: self.now, scan_ns=0)
        self.path = DataPath(self.maps)
        self.path.now = self.now
        self.apply(spec)

    def apply(self, spec: Spec) -> None:
        self.document: Document = document(spec)
        self.plane.apply(self.document)
        self.all_up()

    def all_up(self) -> None:
        for key, service in self.plane.state.services.items():
            for address, real in service.reals.items():
                state = RealState.ACCEPTING if real.configured else RealState.DRAINING
                self.plane.set_state(key, address, state)

    def later(self, seconds: float) -> None:
        self.now = self.path.now = self.now + round(seconds * SECOND)
        self.plane.tick(self.now)

    def states(self) -> set[int]:
        lines = self.plane.state.services[KEY].lines
        return set((self.maps.slots[lines.slots] >> 14).tolist())

    def inherits(self, other: Host) -> None:
        self.plane.inherit(unpack(pack(other.plane.give(self.plane.state.digest))))
        self.all_up()
        check_maps(self.maps, self.document)


FLOWS = [Flow(f"10.99.0.{n}", 2000 + n, SERVICE) for n in range(1, 200)]
BEFORE = Spec({SERVICE: reals(1, 2, 3, 4), OTHER: reals(1, 2)}, lifetime=64)
AFTER = Spec({SERVICE: reals(2, 3, 4, 5, 6), OTHER: reals(1, 2)}, lifetime=64)


def owners(host: Host) -> dict[Flow, str]:
    return {flow: host.path.packet(flow, syn=True) for flow in FLOWS}


def test_a_transition_goes_on() -> None:
    """Flows from before the flip are found on a load balancer that was not there then."""
    old = Host(BEFORE)
    opened = owners(old)
    old.apply(AFTER)
    new = Host(AFTER)
    assert any(new.path.packet(flow, syn=False) != real for flow, real in opened.items())
    new = Host(AFTER)
    new.inherits(old)
    assert {flow: new.path.packet(flow, syn=False) for flow in FLOWS} == opened
    assert new.plane.moving()
    assert old.states() == new.states() == {CLEAR, TRANSITION}
    assert not new.plane.state.services[KEY].reals["10.1.10.1"].configured


def test_another_document() -> None:
    """One that starts with the document that its peers have not got yet, and one with that of yesterday."""
    for theirs, mine in ((BEFORE, AFTER), (AFTER, BEFORE)):
        old, new = Host(theirs), Host(mine)
        opened = owners(old)
        new.inherits(old)
        assert {flow: new.path.packet(flow, syn=False) for flow in FLOWS} == opened


def test_nothing_is_new_where_all_is_clear() -> None:
    old, new = Host(BEFORE), Host(BEFORE)
    before = new.plane.state.number
    new.inherits(old)
    assert new.plane.state.number == before, "no document was applied"
    assert new.states() == {CLEAR}
    assert not new.plane.moving()


@pytest.mark.parametrize("size", [61, 127])
def test_slots_keep_their_states(size: int) -> None:
    """Of a peer in each step of a transition's end: and then this one is in no earlier one."""
    old = Host(BEFORE)
    after = deepcopy(AFTER)
    after.sizes[SERVICE] = size
    old.apply(after)
    old.plane.set_fleet(FleetView(agreed=True, settled=False))
    old.later(65)
    assert TRANSITION in old.states(), "it settles"
    assert not old.plane.moving()
    new = Host(after)
    new.inherits(old)
    assert TRANSITION in new.states()
    assert not new.plane.moving()
    old.plane.set_fleet(FleetView())
    new.plane.set_fleet(FleetView())
    old.later(1)
    new.later(1)
    for host in (old, new):
        host.later(1)
        assert host.states() <= {CLEAR, CONSULT}


def test_consult_bits_and_reals_that_left() -> None:
    old = Host(BEFORE)
    old.plane.set_state(KEY, "10.1.10.2", RealState.DOWN)
    stored = owners(old)
    old.plane.set_state(KEY, "10.1.10.2", RealState.ACCEPTING)
    index = old.plane.state.services[KEY].block.base + old.plane.state.services[KEY].reals["10.1.10.2"].index
    assert int(old.maps.reals["state"][index]) & int(RealState.CONSULT)
    new = Host(BEFORE)
    new.later(1)  # scanned: its own bits are cleared
    new.inherits(old)
    at = new.plane.state.services[KEY].block.base + new.plane.state.services[KEY].reals["10.1.10.2"].index
    assert int(new.maps.reals["state"][at]) & int(RealState.CONSULT)
    assert "10.1.10.2" not in stored.values()


def test_a_clock_waits_for_all_documents() -> None:
    """The transition lasts as long as a peer has another document, and one lifetime more."""
    host = Host(BEFORE)
    host.apply(AFTER)
    host.plane.set_fleet(FleetView(agreed=False))
    for _ in range(5):
        host.later(40)
    assert host.plane.moving()
    host.plane.set_fleet(FleetView(agreed=True))
    host.later(60)
    assert host.plane.moving()
    host.later(5)
    assert not host.plane.moving()


def test_another_seed_is_not_gone_on_from() -> None:
    old, new = Host(BEFORE), Host(Spec(AFTER.services, lifetime=64, seed=7))
    new.inherits(old)
    assert not new.plane.moving()
    assert new.states() == {CLEAR}


@pytest.mark.parametrize("content", [b"", b"rubbish", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_rubbish(content: bytes) -> None:
    with pytest.raises(Vc5Error, match="cannot be read"):
        unpack(content)


def test_a_table_that_is_cut() -> None:
    old = Host(BEFORE)
    old.apply(AFTER)
    with pytest.raises(Vc5Error, match="not whole"):
        unpack(pack(old.plane.give("sha256:none")[:-60]))
