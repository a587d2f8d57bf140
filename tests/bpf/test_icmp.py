"""ICMP errors about flows that tables do not answer for, and what errors and echoes must leave alone."""

from __future__ import annotations

import pytest

from .model import (
    ACCEPTING,
    CONSULT,
    DOWN,
    DRAINING,
    TRANSITION,
    UDP,
    First,
    Real,
    Service,
)
from .packets import V4, ethernet, tcp, udp
from .pair import FamilyPair, who

pytestmark = pytest.mark.bpf

OWNER, OTHER, BEFORE = 0, 1, 2
SIZE, LIFETIME = 31, 20.0
QUOTE = tcp(80, 40000)


def service(protocol: int = 6, states: tuple[int, ...] = (ACCEPTING,) * 3, **more: object) -> Service:
    reals = [Real(10 + i, mac=bytes([2, 0, 0, 0, 0, i]), state=state) for i, state in enumerate(states)]
    return Service(V4.vip, 80, protocol, reals, [OWNER] * SIZE, **more)  # type: ignore[arg-type]


def begin(both: FamilyPair, web: Service) -> Service:
    both.begin(web, lifetime=LIFETIME)
    return web


def error(both: FamilyPair, quote: bytes = QUOTE, protocol: int = 6) -> int | str:
    both.sync()
    outcome = both.error(quote, protocol)
    both.same_state()
    return who(outcome)


def test_every_flow_s_error_reaches_its_real(both: FamilyPair) -> None:
    web = service()
    web.reals += [Real(20 + i, mac=bytes([2, 0, 0, 0, 1, i])) for i in range(5)]
    web.table = [i % 8 for i in range(97)]
    web.slots = [0] * 97
    begin(both, web)
    met = set()
    for sport in range(60):
        flow = who(both.tcp(sport=sport))
        assert error(both, tcp(80, sport)) == flow
        met.add(flow)
    assert len(met) == 8


def test_tracked_flow(both: FamilyPair) -> None:
    """Established or half open, at a real that the table does not name."""
    web = begin(both, service(states=(DOWN, ACCEPTING, DOWN)))
    both.tcp("S")
    assert error(both) == OTHER
    assert set(both.balancer.flows.tables["syn"])
    both.tcp()
    web.reals[OWNER].state, web.reals[OWNER].consult = ACCEPTING, True
    assert error(both) == OTHER
    web.reals[OTHER].state = DRAINING
    assert error(both) == OTHER
    web.reals[OTHER].state = DOWN
    assert error(both) == OWNER


def test_quoted_syn_is_no_syn(both: FamilyPair) -> None:
    """A real's SYN with ACK, or whatever it sent: the flow is there already."""
    web = begin(both, service(states=(DRAINING, ACCEPTING, DOWN)))
    assert error(both, tcp(80, 40000, "S")) == OWNER
    web.reals[OWNER].state = DOWN
    assert error(both, tcp(80, 40000, "S")) == OTHER
    assert not any(both.balancer.flows.tables.values())


def test_nothing_is_touched(both: FamilyPair) -> None:
    """The entry keeps its age, so that errors do not keep a flow alive."""
    begin(both, service(states=(DOWN, ACCEPTING, DOWN)))
    both.tcp("S")
    both.tcp()
    both.age(LIFETIME * 0.7)
    assert error(both) == OTHER
    both.age(LIFETIME * 0.7)
    both.balancer.services[0].reals[OWNER].state = ACCEPTING
    both.balancer.services[0].reals[OWNER].consult = True
    assert error(both) == OWNER


def test_transition(both: FamilyPair) -> None:
    """The previous owner's, and it is not stored for that."""
    web = begin(both, service())
    web.slots, web.first = [TRANSITION] * SIZE, First([BEFORE] * SIZE, 5)
    assert error(both) == BEFORE
    web.reals[BEFORE].state = DOWN
    assert error(both) == OWNER
    web.slots, web.first = [CONSULT] * SIZE, None
    web.reals[BEFORE].state = ACCEPTING
    assert error(both) == OWNER


def test_udp(both: FamilyPair) -> None:
    """Tracked fully: the flow's entry decides; without one it is no first packet."""
    web = begin(both, service(UDP, (DRAINING, ACCEPTING, DOWN), track="full"))
    assert error(both, udp(80, 40000), UDP) == OWNER
    assert who(both.udp(dport=80)) == OTHER
    assert error(both, udp(80, 40000), UDP) == OTHER
    web.reals[OTHER].state = DOWN
    assert error(both, udp(80, 40000), UDP) == OWNER


def test_minimal(both: FamilyPair) -> None:
    begin(both, service(states=(DRAINING, ACCEPTING, DOWN), track="minimal"))
    assert error(both) == OTHER


def test_sticky(both: FamilyPair) -> None:
    """By the client's address, which is the quote's destination."""
    web = service(sticky=True)
    web.table = [i % 3 for i in range(SIZE)]
    begin(both, web)
    prefix = "10.99.0." if both.family.version == 4 else "2001:db8:99::"
    for n in range(1, 30):
        client = f"{prefix}{n}"
        flow = who(both.tcp(src=client))
        assert who(both.error(tcp(80, 7), client=client)) == flow


def test_no_real(both: FamilyPair) -> None:
    begin(both, service(states=(DOWN,) * 3))
    assert error(both) == "DROP_NO_REAL"


def test_at_the_real(both: FamilyPair) -> None:
    web = begin(both, service())
    packet = both.family.error(both.family.answer(QUOTE))
    assert who(both.send(ethernet(packet, dst=web.reals[OWNER].mac or b""))) == "PASS_AT_REAL"


def test_any_port(both: FamilyPair) -> None:
    """The any-port service's flows, too; a specific one's stay its own."""
    every, web = service(), service()
    every.port = 0
    every.table = [OTHER] * SIZE
    both.begin(web, every)
    assert both.error(QUOTE).real == (0, OWNER)
    assert both.error(tcp(81, 40000)).real == (1, OTHER)


def test_about_another_vip(both: FamilyPair) -> None:
    """An error is sent to the address that the packet came from; this one is to another VIP."""
    begin(both, service())
    other = Service(both.family.other_vip, 80, 6, [Real(99, mac=bytes([2, 0, 0, 0, 9, 9]))], [0])
    both.start(*both.balancer.services, other)
    quote = both.family.answer(QUOTE, vip=both.family.other_vip)
    assert who(both.send(ethernet(both.family.error(quote)))) == "DROP_ICMP"
    assert both.send(ethernet(both.family.error(quote, dst=both.family.other_vip))).real == (1, 0)


def test_vip_down_still_gets_errors(both: FamilyPair) -> None:
    begin(both, service())
    both.balancer.down = {both.family.vip}
    assert error(both) == OWNER


def test_echo_leaves_no_trace(both: FamilyPair) -> None:
    begin(both, service(track="full"))
    both.send(ethernet(both.family.echo()))
    both.same_state()
    assert not any(both.balancer.flows.tables.values())
