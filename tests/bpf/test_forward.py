"""Packets in, packets out: one case for each behaviour, its bytes and its counter said by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .model import DROP, PASS, REDIRECT, TX, UDP, Real, Service
from .packets import (
    ARP,
    BALANCER,
    DOT1AD,
    DOT1Q,
    ICMP,
    IPV6,
    ethernet,
    ipv4,
    tcp,
    tcp_frame,
    udp,
    udp_frame,
)
from .pair import Pair

pytestmark = pytest.mark.bpf

VIP, HOST = "192.168.101.1", "10.1.10.1"
MAC = bytes.fromhex("020000000110")
SEGMENT = tcp(40000, 80, "A", b"GET")
PACKET = ipv4(SEGMENT, VIP)
OPTIONS = bytes([7, 7, 4, 0, 0, 0, 0, 0])  # record route, padded to a multiple of 4


def web(**real: object) -> Service:
    """A service with one real."""
    return Service(VIP, 80, 6, [Real(7, mac=MAC, **real)], [0] * 31)  # type: ignore[arg-type]


def forwarded(payload: bytes, tci: int | None = None, tpid: int = DOT1Q) -> bytes:
    return ethernet(payload, dst=MAC, src=BALANCER, tci=tci, tpid=tpid)


@dataclass(frozen=True)
class Case:
    """`out` None: the frame leaves as it came. `reason`: the counter that rises by one; "": the real's."""

    name: str
    frame: bytes
    verdict: int
    out: bytes | None = None
    reason: str = ""
    vlan: int = 0  # of the real
    ifindex: int = 0


def passes(name: str, frame: bytes, reason: str) -> Case:
    return Case(name, frame, PASS, None, reason)


def drops(name: str, payload: bytes, reason: str) -> Case:
    return Case(name, ethernet(payload), DROP, None, reason)


DNS = udp(5000, 53)
CASES = [
    Case("TCP, untagged both sides", ethernet(PACKET), TX, forwarded(PACKET)),
    Case("padded to the least frame", ethernet(PACKET + bytes(9)), TX, forwarded(PACKET + bytes(9))),
    Case("TCP with SYN", tcp_frame(flags="S"), TX, forwarded(ipv4(tcp(40000, 80, "S"), VIP))),
    Case("UDP", ethernet(ipv4(DNS, VIP, protocol=UDP)), TX, forwarded(ipv4(DNS, VIP, protocol=UDP))),
    Case(
        "VLAN rewritten, priority kept",
        ethernet(PACKET, tci=0xB00A),
        TX,
        forwarded(PACKET, tci=0xB014),
        vlan=20,
    ),
    Case("same VLAN", ethernet(PACKET, tci=20), TX, forwarded(PACKET, tci=20), vlan=20),
    Case(
        "802.1ad tag rewritten in place",
        ethernet(PACKET, tci=10, tpid=DOT1AD),
        TX,
        forwarded(PACKET, tci=20, tpid=DOT1AD),
        vlan=20,
    ),
    Case("tag pushed", ethernet(PACKET), TX, forwarded(PACKET, tci=20), vlan=20),
    Case("tag popped", ethernet(PACKET, tci=0xB00A), TX, forwarded(PACKET)),
    Case(
        "IP options",
        ethernet(ipv4(SEGMENT, VIP, options=OPTIONS)),
        TX,
        forwarded(ipv4(SEGMENT, VIP, options=OPTIONS)),
    ),
    Case(
        "TCP options",
        ethernet(ipv4(tcp(1, 80, "S", bytes(20), doff=10), VIP)),
        TX,
        forwarded(ipv4(tcp(1, 80, "S", bytes(20), doff=10), VIP)),
    ),
    Case("out by another interface", ethernet(PACKET), REDIRECT, forwarded(PACKET), ifindex=4711),
    Case("the real's interface is the packet's own", ethernet(PACKET), TX, forwarded(PACKET), ifindex=1),
    Case(
        "don't fragment is no fragment",
        ethernet(ipv4(SEGMENT, VIP, fragment=0x4000)),
        TX,
        forwarded(ipv4(SEGMENT, VIP, fragment=0x4000)),
    ),
    passes("ARP", ethernet(bytes(28), proto=ARP), "PASS_NOT_IP"),
    passes("IPv6", ethernet(bytes(60), proto=IPV6), "PASS_NOT_IP"),
    passes("an 802.3 length for an ethertype", ethernet(bytes(60), proto=60), "PASS_NOT_IP"),
    passes("QinQ", ethernet(bytes.fromhex("000a0800") + PACKET, tci=10, proto=DOT1Q), "PASS_NOT_IP"),
    passes("broadcast", ethernet(PACKET, dst=b"\xff" * 6), "PASS_NOT_UNICAST"),
    passes("multicast", ethernet(PACKET, dst=bytes.fromhex("01005e000001")), "PASS_NOT_UNICAST"),
    passes("at its real already", ethernet(PACKET, dst=MAC), "PASS_AT_REAL"),
    passes("not a VIP", ethernet(ipv4(SEGMENT, HOST)), "PASS_NOT_VIP"),
    passes(
        "0.0.0.0, whose key is that of an empty position", ethernet(ipv4(SEGMENT, "0.0.0.0")), "PASS_NOT_VIP"
    ),
    passes("ICMP, not to a VIP", ethernet(ipv4(bytes(8), HOST, protocol=ICMP)), "PASS_NOT_VIP"),
    passes("a fragment, not to a VIP", ethernet(ipv4(SEGMENT, HOST, fragment=1)), "PASS_NOT_VIP"),
    passes("a bad length, not to a VIP", ethernet(ipv4(SEGMENT, HOST, total=2000)), "PASS_NOT_VIP"),
    passes("IP of another version", ethernet(ipv4(SEGMENT, VIP, first=0x55)), "PASS_NOT_IP"),
    passes("an IP header of less than 20 bytes", ethernet(ipv4(SEGMENT, VIP, first=0x44)), "PASS_NOT_IP"),
    drops("a VIP's unknown port", ipv4(tcp(1, 81), VIP), "DROP_UNKNOWN_PORT"),
    drops("a VIP's port in the other protocol", ipv4(udp(1, 80), VIP, protocol=UDP), "DROP_UNKNOWN_PORT"),
    drops("ICMP to a VIP", ipv4(bytes(8), VIP, protocol=ICMP), "DROP_PROTOCOL"),
    drops("a first fragment", ipv4(SEGMENT, VIP, fragment=0x2000), "DROP_FRAGMENT"),
    drops("a later fragment", ipv4(SEGMENT, VIP, fragment=0x0005), "DROP_FRAGMENT"),
    drops("total length beyond the frame", ipv4(SEGMENT, VIP, total=len(PACKET) + 1), "DROP_MALFORMED"),
    drops("total length less than the header", ipv4(SEGMENT, VIP, total=19), "DROP_MALFORMED"),
    drops("total length without the whole of TCP", ipv4(tcp(1, 80), VIP, total=39), "DROP_MALFORMED"),
    drops("an IP header longer than the packet", ipv4(SEGMENT, VIP, first=0x4F), "DROP_MALFORMED"),
    drops("a TCP header longer than the packet", ipv4(tcp(1, 80, doff=6), VIP), "DROP_MALFORMED"),
    drops(
        "a TCP header of less than 20 bytes", ipv4(tcp(1, 80, "A", b"data", doff=4), VIP), "DROP_MALFORMED"
    ),
    drops("UDP longer than the packet", ipv4(udp(1, 53, length=13), VIP, protocol=UDP), "DROP_MALFORMED"),
    drops("UDP of less than 8 bytes", ipv4(udp(1, 53, length=7), VIP, protocol=UDP), "DROP_MALFORMED"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frame(pair: Pair, case: Case) -> None:
    real = Real(7, mac=MAC, vlan=case.vlan, ifindex=case.ifindex)
    pair.start(
        Service(VIP, 80, 6, [real], [0] * 31),
        Service(VIP, 53, UDP, [real], [0] * 31),
    )
    outcome = pair.send(case.frame)
    assert (outcome.verdict, outcome.reason) == (case.verdict, case.reason)
    assert outcome.frame.hex() == (case.frame if case.out is None else case.out).hex()


def test_no_document(pair: Pair) -> None:
    pair.start(web(), live=False)
    assert pair.send(ethernet(PACKET)).reason == "PASS_NO_DOCUMENT"


def test_no_services(pair: Pair) -> None:
    pair.start()
    assert pair.send(ethernet(PACKET)).reason == "PASS_NOT_VIP"


@pytest.mark.parametrize("vlan", [0, 20])
def test_no_neighbor(pair: Pair, vlan: int) -> None:
    service = web(vlan=vlan)
    service.reals[0].mac = None
    pair.start(service)
    assert pair.send(ethernet(PACKET)).reason == "DROP_NO_NEIGHBOR"


def test_both_halves(pair: Pair) -> None:
    """Either half of the index answers when it is live."""
    balancer = pair.start(web())
    balancer.salt = 99
    pair.sync(half=1)
    assert pair.send(ethernet(PACKET)).verdict == TX
    balancer.services.clear()
    pair.sync(half=0)
    assert pair.send(ethernet(PACKET)).reason == "PASS_NOT_VIP"


def test_every_length(pair: Pair) -> None:
    """A frame cut anywhere is passed or dropped, never forwarded, never an abort: `send` compares."""
    service = web(vlan=20)
    pair.start(service, Service(VIP, 53, UDP, service.reals, [0] * 31))
    for whole in (
        tcp_frame(payload=b"data"),
        tcp_frame(tci=10),
        udp_frame(),
        udp_frame(tci=10),
        ethernet(ipv4(SEGMENT, VIP, options=OPTIONS)),
    ):
        assert pair.send(whole).verdict == TX
        for length in range(14, len(whole)):
            assert pair.send(whole[:length]).verdict in (PASS, DROP), length


def test_spread(pair: Pair) -> None:
    """Slots, VIPs, ports and protocols are each told apart: flows go where the tables say."""
    reals = [Real(10 + i, mac=MAC[:5] + bytes([i]), vlan=i % 3) for i in range(8)]
    services = [
        Service(
            f"192.168.101.{1 + n // 2}",
            80 + n,
            6 if n < 3 else UDP,
            reals,
            [(i * 7 + n) % 8 for i in range(97)],
        )
        for n in range(6)
    ]
    pair.start(*services, seed=0xFEDCBA9876543210)
    met = set()
    for n, service in enumerate(services):
        for sport in range(40):
            make = tcp_frame if service.protocol != UDP else udp_frame
            met.add((n, pair.send(make(service.address, sport=sport, dport=service.port)).real))
    assert len({real for _n, real in met}) > 40
