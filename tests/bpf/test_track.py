"""The state table of bpf/DESIGN.md, rule by rule. Every packet is compared with the model, too.

The service's table gives every slot to real 0, so that what another real gets was chosen or remembered:
while real 0 does not accept, the published list picks the one other real that does.
"""

from __future__ import annotations

import pytest

from .model import (
    ABSENT,
    ACCEPTING,
    CONSULT,
    DOWN,
    DRAINING,
    NS,
    TRANSITION,
    UDP,
    Balancer,
    First,
    Outcome,
    Real,
    Service,
)
from .packets import V4
from .pair import FamilyPair, clock

pytestmark = pytest.mark.bpf

SIZE = 31
OWNER, OTHER, BEFORE = 0, 1, 2
LIFETIME = 20.0


def service(protocol: int = 6, track: str = "needed", states: tuple[int, ...] = (ACCEPTING,) * 3) -> Service:
    reals = [Real(10 + i, mac=bytes([2, 0, 0, 0, 0, i]), state=state) for i, state in enumerate(states)]
    return Service(V4.vip, 80, protocol, reals, [OWNER] * SIZE, track)


def in_state(web: Service, state: int) -> None:
    web.slots = [state] * SIZE
    web.first = First([BEFORE] * SIZE, 5) if state == TRANSITION else None


class Flow:
    """One flow's packets, sent to a pair; each method says who got the packet."""

    def __init__(self, pair: FamilyPair, web: Service, sport: int = 40000, **options: object) -> None:
        self.pair, self.web, self.sport = pair, web, sport
        self.balancer: Balancer = pair.begin(web, **({"lifetime": LIFETIME} | options))

    def send(self, flags: str) -> Outcome:
        self.pair.sync()
        if self.web.protocol == UDP:
            outcome = self.pair.send(self.pair.family.udp(self.sport, 80))
        else:
            outcome = self.pair.tcp(flags, self.sport)
        self.pair.same_flows()
        return outcome

    def syn(self) -> int | str:
        return self._who(self.send("S"))

    def ack(self) -> int | str:
        return self._who(self.send("A"))

    def stored(self) -> list[str]:
        """In which tables the flow is."""
        return [kind for kind, flows in self.balancer.flows.tables.items() if flows]

    @staticmethod
    def _who(outcome: Outcome) -> int | str:
        return outcome.real[1] if outcome.real else outcome.reason


def test_clear_slot_stores_nothing(both: FamilyPair) -> None:
    flow = Flow(both, service())
    assert (flow.syn(), flow.ack(), flow.stored()) == (OWNER, OWNER, [])


def test_syn_and_ack_of_syn_differ(both: FamilyPair) -> None:
    """A SYN with ACK is no first packet: it stays with the draining owner."""
    flow = Flow(both, service(states=(DRAINING, ACCEPTING, DOWN)))
    assert flow._who(flow.send("SA")) == OWNER
    assert flow.syn() == OTHER


def test_down_owner(both: FamilyPair) -> None:
    """A new flow is chosen for and stored; an established one is chosen for and not stored."""
    web = service(states=(DOWN, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.ack(), flow.stored()) == (OTHER, [])
    assert (flow.syn(), flow.stored()) == (OTHER, ["syn"])
    assert (flow.ack(), flow.stored()) == (OTHER, ["tcp"])


def test_flapping_owner_keeps_its_flows(both: FamilyPair) -> None:
    web = service(states=(DOWN, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert flow.ack() == OTHER
    web.reals[OWNER].state, web.reals[OWNER].consult = ACCEPTING, True
    assert flow.ack() == OWNER


def test_no_real(both: FamilyPair) -> None:
    flow = Flow(both, service(states=(DOWN, DOWN, DOWN)))
    assert (flow.syn(), flow.ack()) == ("DROP_NO_REAL", "DROP_NO_REAL")


def test_draining_is_not_accepting(both: FamilyPair) -> None:
    flow = Flow(both, service(states=(DRAINING, DRAINING, DOWN)))
    assert (flow.syn(), flow.ack()) == ("DROP_NO_REAL", OWNER)


def test_draining_owner_keeps_flows_and_takes_none(both: FamilyPair) -> None:
    flow = Flow(both, service(states=(DRAINING, ACCEPTING, DOWN)))
    assert (flow.ack(), flow.stored()) == (OWNER, [])
    assert (flow.syn(), flow.stored()) == (OTHER, ["syn"])
    assert (flow.ack(), flow.stored()) == (OTHER, ["tcp"])


def test_syn_hits_only_an_accepting_real(both: FamilyPair) -> None:
    """A tuple used again while its old real drains is a new flow, and the owner's: its entry goes."""
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack(), flow.stored()) == (OTHER, OTHER, ["tcp"])
    web.reals[OWNER].state, web.reals[OWNER].consult, web.reals[OTHER].state = ACCEPTING, True, DRAINING
    assert (flow.ack(), flow.stored()) == (OTHER, ["tcp"])
    assert (flow.syn(), flow.stored()) == (OWNER, [])


def test_retransmitted_syn_stays(both: FamilyPair) -> None:
    flow = Flow(both, service(states=(DRAINING, ACCEPTING, ACCEPTING)))
    first = flow.syn()
    flow.web.reals[OWNER].state, flow.web.reals[OWNER].consult = ACCEPTING, True
    assert (flow.syn(), flow.syn(), flow.stored()) == (first, first, ["syn"])


def test_consult_bit_and_slot(both: FamilyPair) -> None:
    """The same entry is found by the owner's bit and by the slot's state, and by nothing else."""
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    web.reals[OWNER].state = ACCEPTING
    assert flow.ack() == OWNER
    web.reals[OWNER].consult = True
    assert flow.ack() == OTHER
    web.reals[OWNER].consult = False
    in_state(web, CONSULT)
    assert flow.ack() == OTHER


def test_transition_previous_owner(both: FamilyPair) -> None:
    """An established flow goes to the owner before the flip and is stored; a new one to the new owner."""
    web = service()
    in_state(web, TRANSITION)
    flow = Flow(both, web)
    assert (flow.ack(), flow.stored()) == (BEFORE, ["tcp"])
    in_state(web, CONSULT)
    assert flow.ack() == BEFORE
    other = Flow(both, service(), sport=40001)
    in_state(other.web, TRANSITION)
    assert (other.syn(), other.stored()) == (OWNER, ["syn"])
    assert (other.ack(), other.stored()) == (OWNER, ["tcp"])


def test_slot_of_an_earlier_transition(both: FamilyPair) -> None:
    """While other slots are in transition, one that did not change now has no previous owner."""
    web = service()
    in_state(web, TRANSITION)
    web.slots = [CONSULT] * SIZE
    flow = Flow(both, web)
    assert (flow.ack(), flow.stored()) == (OWNER, [])


def test_transition_from_a_draining_real(both: FamilyPair) -> None:
    """A real that left the configuration drains: it still has its flows."""
    web = service(states=(ACCEPTING, ACCEPTING, DRAINING))
    in_state(web, TRANSITION)
    flow = Flow(both, web)
    assert (flow.ack(), flow.ack(), flow.stored()) == (BEFORE, BEFORE, ["tcp"])


@pytest.mark.parametrize("state", [DOWN, ABSENT])
def test_transition_from_a_dead_real(both: FamilyPair, state: int) -> None:
    web = service(states=(ACCEPTING, ACCEPTING, state))
    in_state(web, TRANSITION)
    flow = Flow(both, web)
    assert (flow.ack(), flow.stored()) == (OWNER, [])


def test_transition_with_another_size_and_seed(both: FamilyPair) -> None:
    """The previous owner is the old table's answer under the old seed."""
    web = service()
    in_state(web, TRANSITION)
    owners = set()
    for sport in range(30):
        web.first = First([OTHER if i % 2 else BEFORE for i in range(13)], 0xABCDEF)
        owners.add(Flow(both, web, sport=sport).ack())
    assert owners == {OTHER, BEFORE}


def test_dead_entry_in_transition_is_not_replaced(both: FamilyPair) -> None:
    """The flow did not predate the flip unseen: its entry stays, for when its real returns."""
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    web.reals[OTHER].state, web.reals[BEFORE].state = DOWN, ACCEPTING
    in_state(web, TRANSITION)
    assert flow.ack() == BEFORE
    web.reals[OTHER].state = ACCEPTING
    assert flow.ack() == OTHER


def test_promotion(both: FamilyPair) -> None:
    flow = Flow(both, service(states=(DOWN, ACCEPTING, DOWN)))
    flow.syn()
    assert flow.stored() == ["syn"]
    flow.ack()
    assert flow.stored() == ["tcp"]


def test_reused_tuple_goes_back_among_the_half_open(both: FamilyPair) -> None:
    web = service(states=(DOWN, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack(), flow.stored()) == (OTHER, OTHER, ["tcp"])
    web.reals[OTHER].state, web.reals[BEFORE].state = DOWN, ACCEPTING
    assert (flow.syn(), flow.stored()) == (BEFORE, ["syn"])
    assert (flow.ack(), flow.stored()) == (BEFORE, ["tcp"])


def test_index_taken_over_by_another_real(both: FamilyPair) -> None:
    """An entry is of a real, not of an index: by the stable id."""
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    web.reals[OTHER].id = 99
    assert flow.ack() == OWNER


def test_expiry(both: FamilyPair) -> None:
    """An entry idle for longer than the lifetime counts as absent; every packet renews it."""
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    for _ in range(3):
        both.age(LIFETIME * 0.7)
        assert flow.ack() == OTHER
    both.age(LIFETIME * 1.1)
    assert flow.ack() == OWNER
    web.reals[OWNER].state, web.reals[OWNER].consult = ACCEPTING, True
    assert (flow.syn(), flow.stored()) == (OWNER, [])


def test_expired_entry_in_transition_is_replaced(both: FamilyPair) -> None:
    web = service(states=(DRAINING, ACCEPTING, ACCEPTING))
    web.reals[BEFORE].state = DOWN
    flow = Flow(both, web)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    both.age(LIFETIME * 1.1)
    web.reals[BEFORE].state = ACCEPTING
    in_state(web, TRANSITION)
    assert (flow.ack(), flow.stored()) == (BEFORE, ["tcp"])


def test_expired_half_open_entry_is_not_left_behind(both: FamilyPair) -> None:
    web = service(states=(DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.syn(), flow.stored()) == (OTHER, ["syn"])
    both.age(LIFETIME * 1.1)
    web.reals[BEFORE].state = ACCEPTING
    in_state(web, TRANSITION)
    assert (flow.ack(), flow.stored()) == (BEFORE, ["tcp"])


def test_a_touched_entry_is_seldom_written(both: FamilyPair) -> None:
    """Its time follows in steps of 1/256 of the lifetime, so that packets mostly only read it."""
    flow = Flow(both, service(states=(DOWN, ACCEPTING, DOWN)), lifetime=25600.0)
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    both.age(50)
    flow.ack()
    assert 45 < clock() / NS - _last(flow) < 55
    both.age(55)
    flow.ack()
    assert clock() / NS - _last(flow) < 5


def _last(flow: Flow) -> float:
    _keys, values = flow.pair.kernel.read(f"flows{flow.pair.family.version}_tcp")
    return int(values["last_ns"][0]) / NS


def test_seed_change_renews_the_hash(both: FamilyPair) -> None:
    """The scan finds an entry's slot by its hash: a packet after a change of the seed brings the new one."""
    flow = Flow(both, service(states=(DRAINING, ACCEPTING, DOWN)))
    assert (flow.syn(), flow.ack()) == (OTHER, OTHER)
    flow.balancer.seed = 12345
    assert flow.ack() == OTHER  # and same_flows compares the hash


def test_udp_full(both: FamilyPair) -> None:
    """Every first packet counts as a SYN, is stored, and is counted as a new flow."""
    web = service(UDP, "full")
    flow = Flow(both, web)
    assert (flow.send("").new, flow.send("").new, flow.stored()) == (True, False, ["udp"])
    web.table = [OTHER] * SIZE
    assert flow.ack() == OWNER
    web.reals[OWNER].state = DRAINING
    assert flow.ack() == OWNER
    web.reals[OWNER].state = DOWN
    assert flow.ack() == OTHER
    both.age(LIFETIME * 1.1)
    web.reals[OWNER].state = ACCEPTING
    assert flow.ack() == OTHER


def test_tcp_full(both: FamilyPair) -> None:
    web = service(track="full")
    flow = Flow(both, web)
    assert (flow.syn(), flow.stored()) == (OWNER, ["syn"])
    assert (flow.ack(), flow.stored()) == (OWNER, ["tcp"])
    web.table = [OTHER] * SIZE
    assert flow.ack() == OWNER


@pytest.mark.parametrize("protocol", [6, UDP])
def test_minimal(both: FamilyPair, protocol: int) -> None:
    """Every packet is chosen for; nothing is ever stored, or asked."""
    web = service(protocol, "minimal", (DRAINING, ACCEPTING, DOWN))
    in_state(web, TRANSITION)
    flow = Flow(both, web)
    assert (flow.ack(), flow.syn(), flow.stored()) == (OTHER, OTHER, [])
    web.reals[OWNER].state = ACCEPTING
    assert flow.ack() == OWNER


def test_udp_needed(both: FamilyPair) -> None:
    """UDP has no SYN: under `needed` no packet starts a flow, so a draining owner keeps what it gets."""
    web = service(UDP, "needed", (DRAINING, ACCEPTING, DOWN))
    flow = Flow(both, web)
    assert (flow.ack(), flow.stored()) == (OWNER, [])


def test_last_probe_before_the_list(both: FamilyPair) -> None:
    """With few slots of accepting reals, the flows of each probe and of the list go where the model says."""
    web = service(states=(DOWN, ACCEPTING, ACCEPTING))
    web.table = [OTHER if i < 6 else OWNER for i in range(61)]
    web.slots = [CONSULT] * 61
    both.begin(web)
    met = {both.tcp(sport=sport).real for sport in range(300)}
    assert met == {(0, OTHER), (0, BEFORE)}


def test_failed_real_moves_only_its_own_flows(both: FamilyPair) -> None:
    """By choice: evenly over the others, the same at every load balancer, and back when it returns."""
    reals = [Real(10 + i, mac=bytes([2, 0, 0, 0, 0, i])) for i in range(8)]
    web = Service(V4.vip, 80, 6, reals, [i % 8 for i in range(509)])
    both.begin(web)
    before = {sport: both.tcp(sport=sport).real for sport in range(200)}
    reals[3].state = DOWN
    both.sync()
    after = {sport: both.tcp(sport=sport).real for sport in range(200)}
    moved = {sport for sport in before if before[sport] != after[sport]}
    assert moved == {sport for sport, real in before.items() if real == (0, 3)}
    assert len({after[sport] for sport in moved}) > 4
    reals[3].state = ACCEPTING
    both.sync()
    assert {sport: both.tcp(sport=sport).real for sport in range(200)} == before
