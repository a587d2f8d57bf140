"""Packets in, packets out: every case of cases_*.py, and every frame of theirs cut at every length."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import cases_fragments, cases_icmp, cases_layer2, cases_layer3
from .cases import Case, services
from .model import DROP, PASS, TX, Real, Service
from .packets import FAMILIES, MAC, TCP, UDP, V4, V6, Family, ethernet, packed, tcp
from .pair import Pair

pytestmark = pytest.mark.bpf

CASES = [
    case for module in (cases_layer2, cases_layer3, cases_icmp, cases_fragments) for case in module.CASES
]
assert len({case.name for case in CASES}) == len(CASES)


def meet(pair: Pair, case: Case) -> None:
    down = {family.vip for family in FAMILIES} if case.down else set()
    pair.start(*services(case.vlan, case.ifindex), vlans=set(case.vlans), down=down, own=list(case.own))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frame(pair: Pair, case: Case) -> None:
    meet(pair, case)
    outcome = pair.send(case.frame)
    assert (outcome.verdict, outcome.reason) == (case.verdict, case.reason)
    assert outcome.frame.hex() == (case.frame if case.out is None else case.out).hex()
    pair.same_state()


def test_every_frame_at_every_length(pair: Pair) -> None:
    """A frame cut anywhere: as the model says, to the byte and the counter."""
    frames: dict[Case, set[bytes]] = {}
    for case in CASES:
        circumstances = replace(case, name="", frame=b"", verdict=0, out=None, reason="")
        frames.setdefault(circumstances, set()).add(case.frame)
    for circumstances, whole in frames.items():
        meet(pair, circumstances)
        pair.balancer.echoes = 1 << 31
        pair.sync()
        cut = {frame[:length] for frame in whole for length in range(14, len(frame))}
        pair.send_all(sorted(cut))
        pair.same_state()


def test_what_is_cut_is_not_forwarded(pair: Pair) -> None:
    """Said by hand: without its last byte no packet of these is whole."""
    pair.start(*services())
    for family in FAMILIES:
        for whole in (family.tcp(), family.udp(), ethernet(family.echo())):
            assert pair.send(whole).verdict == TX
            for length in range(14, len(whole)):
                assert pair.send(whole[:length]).verdict in (PASS, DROP), length


def test_no_document(pair: Pair) -> None:
    pair.start(*services(), live=False)
    for family in FAMILIES:
        assert pair.send(family.tcp()).reason == "PASS_NO_DOCUMENT"
        assert pair.send(ethernet(family.ip(b""), tci=30)).reason == "PASS_NO_DOCUMENT"
    assert pair.send(ethernet(bytes(60), proto=60)).reason == "PASS_NOT_IP"


def test_no_services(pair: Pair) -> None:
    pair.start()
    for family in FAMILIES:
        assert pair.send(family.tcp()).reason == "PASS_NOT_VIP"


def test_one_family_alone(pair: Pair) -> None:
    for family in FAMILIES:
        pair.start(Service(family.vip, 80, TCP, [Real(7, mac=MAC)], [0] * 31))
        for other in FAMILIES:
            assert (pair.send(other.tcp()).verdict == TX) == (other is family)


@pytest.mark.parametrize("vlan", [0, 20])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_neighbor(pair: Pair, vlan: int, family: Family) -> None:
    pair.start(Service(family.vip, 80, TCP, [Real(7, mac=None, vlan=vlan)], [0] * 31))
    assert pair.send(family.tcp()).reason == "DROP_NO_NEIGHBOR"
    assert pair.send(ethernet(family.error(family.answer(tcp(80, 1))))).reason == "DROP_NO_NEIGHBOR"


@pytest.mark.parametrize("family", FAMILIES)
def test_both_halves(pair: Pair, family: Family) -> None:
    """Either half of the index answers when it is live."""
    balancer = pair.start(*services())
    balancer.salt, balancer.vlans = 99, {30}
    balancer.down = {family.vip}
    pair.sync(half=1)
    assert pair.send(family.tcp()).verdict == TX
    assert pair.send(ethernet(family.ip(tcp(1, 80)), tci=30)).verdict == TX
    assert pair.send(ethernet(family.echo())).reason == "DROP_VIP_DOWN"
    balancer.services.clear()
    pair.sync(half=0)
    assert pair.send(family.tcp()).reason == "PASS_NOT_VIP"


def test_same_filter_bit(pair: Pair) -> None:
    """An address that shares a VIP's bit in the filter is no VIP for that."""
    from .model.hashes import vip_bit

    pair.start(*services())
    bit = vip_bit(packed(V4.vip))
    others = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1 << 20))
    other = next(address for address in others if vip_bit(packed(address)) == bit)
    assert pair.send(V4.tcp(dst=other)).reason == "PASS_NOT_VIP"


def test_every_checksum(pair: Pair) -> None:
    """Of IPv4's header, by the id, and of ICMPv6: carries that come once in thousands of echoes."""
    pair.start(*services(), echoes=(1 << 32) - 1)
    pair.send_all([ethernet(V4.echo(id=id)) for id in range(1 << 16)])
    whole = ethernet(V6.echo())
    pair.send_all([whole[:56] + n.to_bytes(2, "big") + whole[58:] for n in range(1 << 16)])


@pytest.mark.parametrize("family", FAMILIES)
def test_keys_are_compared_whole(pair: Pair, family: Family) -> None:
    """Behind a filter that lets everything through, no key is found that only lies where another one does."""
    pair.start(*services())
    for name in ("vips4", "vips6"):
        pair.kernel.arrays["control"]["generation"][name][0, 0] = (1 << 64) - 1
    prefix, last = (
        (family.vip.rsplit(".", 1)[0] + ".", 256) if family.version == 4 else ("2001:db8:101::", 2000)
    )
    addresses = [f"{prefix}{n:x}" if family.version == 6 else f"{prefix}{n}" for n in range(last)]
    addresses += [f"2001:db8:{n:x}::1" for n in range(600)] if family.version == 6 else []
    addresses += [f"192.168.{n}.1" for n in range(256)] if family.version == 4 else []
    addresses.append("0.0.0.0" if family.version == 4 else "::")  # the key of an empty position
    pair.send_all([family.tcp(dst=address) for address in addresses if address != family.vip])
    pair.send_all([family.tcp(dport=port) for port in range(2000) if port != 80])


@pytest.mark.parametrize("family", FAMILIES)
def test_spread(pair: Pair, family: Family) -> None:
    """Slots, VIPs, ports and protocols are each told apart: flows go where the tables say."""
    reals = [Real(10 + i, mac=MAC[:5] + bytes([i]), vlan=i % 3) for i in range(8)]
    web = [
        Service(
            family.vip if n < 3 else family.other_vip,
            80 + n,
            TCP if n < 3 else UDP,
            reals,
            [(i * 7 + n) % 8 for i in range(97)],
        )
        for n in range(6)
    ]
    pair.start(*web, seed=0xFEDCBA9876543210)
    met = set()
    for n, service in enumerate(web):
        make = family.udp if service.protocol == UDP else family.tcp
        for sport in range(40):
            frame = make(sport=sport, dport=service.port, dst=service.address)
            met.add((n, pair.send(frame).real))
    assert len({real for _n, real in met}) > 40
