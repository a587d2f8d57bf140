"""Frames, tags and interfaces."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case, forwards, of_families, passes, redirects, sent
from .model import REDIRECT, TX
from .model.balancer import LOOPBACK
from .packets import (
    ARP,
    BALANCER,
    DOT1AD,
    DOT1Q,
    IPV4,
    IPV6,
    MAC,
    ROUTER,
    UDP,
    Family,
    ethernet,
    tcp,
    udp,
)
from .place import OWN_MACS


def tags(family: Family) -> Iterator[Case]:
    packet = family.ip(tcp(40000, 80, "A", b"GET"))
    yield Case(
        "VLAN rewritten, priority kept", ethernet(packet, tci=0xB00A), TX, sent(packet, 0xB014), vlan=20
    )
    yield Case("same VLAN", ethernet(packet, tci=20), TX, sent(packet, 20), vlan=20)
    yield Case("drop eligible bit kept", ethernet(packet, tci=0x100A), TX, sent(packet, 0x1014), vlan=20)
    yield Case("priority tag gets a VLAN", ethernet(packet, tci=0x6000), TX, sent(packet, 0x6014), vlan=20)
    yield Case("priority tag popped", ethernet(packet, tci=0x6000), TX, sent(packet))
    yield Case("tag pushed", ethernet(packet), TX, sent(packet, 20), vlan=20)
    yield Case("tag popped", ethernet(packet, tci=0xB00A), TX, sent(packet))
    yield Case(
        "802.1ad tag rewritten in place",
        ethernet(packet, tci=10, tpid=DOT1AD),
        TX,
        sent(packet, 20, DOT1AD),
        vlan=20,
    )
    yield Case("802.1ad tag popped", ethernet(packet, tci=10, tpid=DOT1AD), TX, sent(packet))
    yield Case(
        "the highest VLAN id", ethernet(packet, tci=4095), TX, sent(packet, 4094), vlan=4094, vlans=(4095,)
    )
    yield Case("VLAN id 63, end of a word", ethernet(packet, tci=63), TX, sent(packet), vlans=(63,))
    yield Case("VLAN id 64, begin of a word", ethernet(packet, tci=64), TX, sent(packet), vlans=(64,))
    for tci, known in ((30, (10, 20)), (0xA000 | 11, (10,)), (64, (63, 65)), (4095, (4094,))):
        frame = ethernet(packet, tci=tci)
        yield passes(f"unknown VLAN {tci & 4095}", frame, "PASS_UNKNOWN_VLAN", vlans=known)
    elsewhere = ethernet(family.ip(tcp(1, 80), dst=family.host), tci=30)
    yield passes("unknown VLAN comes before no VIP", elsewhere, "PASS_UNKNOWN_VLAN")
    yield passes("unknown 802.1ad VLAN", ethernet(packet, tci=30, tpid=DOT1AD), "PASS_UNKNOWN_VLAN")
    proto = IPV4 if family.version == 4 else IPV6
    inner = bytes([0, 10]) + proto.to_bytes(2, "big") + packet
    for outer in (DOT1Q, DOT1AD):
        frame = ethernet(inner, tci=10, tpid=outer, proto=DOT1Q)
        yield passes(f"QinQ, outer tag {outer:04x}", frame, "PASS_NOT_IP")


def interfaces(family: Family) -> Iterator[Case]:
    packet = family.ip(tcp(40000, 80, "A", b"GET"))
    yield redirects("out by another interface", packet, 4711)
    yield Case("the real's interface is the packet's own", ethernet(packet), TX, sent(packet), ifindex=1)
    frame = ethernet(packet)
    yield Case("redirected with a tag", frame, REDIRECT, sent(packet, 20), vlan=20, ifindex=4711)
    tagged = ethernet(packet, tci=10)
    yield Case("redirected without its tag", tagged, REDIRECT, sent(packet), ifindex=4711)


def addresses(family: Family) -> Iterator[Case]:
    packet = family.ip(tcp(40000, 80, "A", b"GET"))
    yield passes("broadcast", ethernet(packet, dst=b"\xff" * 6), "PASS_NOT_UNICAST")
    yield passes("group MAC", ethernet(packet, dst=bytes.fromhex("01005e000001")), "PASS_NOT_UNICAST")
    yield passes(
        "at its real, which is this host", ethernet(packet, dst=MAC), "PASS_AT_REAL", own=((0, MAC),)
    )
    at_real = ethernet(packet, dst=MAC, tci=10)
    yield passes("at its real, in another VLAN", at_real, "PASS_AT_REAL", vlan=20, own=((0, MAC),))
    yield passes("not a VIP", ethernet(family.ip(tcp(1, 80), dst=family.host)), "PASS_NOT_VIP")
    unspecified = "0.0.0.0" if family.version == 4 else "::"
    zeros = ethernet(family.ip(tcp(1, 80), dst=unspecified))
    yield passes("all zeros, the key of an empty position", zeros, "PASS_NOT_VIP")
    source = family.ip(tcp(1, 80), dst=family.host, src=family.vip)
    yield passes("from a VIP, not to one", ethernet(source), "PASS_NOT_VIP")
    yield Case(
        "to any unicast MAC while no own one is known",
        ethernet(packet, dst=ROUTER),
        TX,
        ethernet(packet, dst=MAC, src=ROUTER),
        own=(),
    )


def own(family: Family) -> Iterator[Case]:
    """To whom a frame was sent."""
    packet = family.ip(tcp(40000, 80, "A", b"GET"))
    yield passes("to another host's MAC", ethernet(packet, dst=ROUTER), "PASS_NOT_OURS")
    yield passes("to its real's MAC, flooded", ethernet(packet, dst=MAC), "PASS_NOT_OURS")
    yield passes("to another host's MAC, tagged", ethernet(packet, dst=ROUTER, tci=10), "PASS_NOT_OURS")
    unknown = ethernet(packet, dst=ROUTER, tci=30)
    yield passes("another host's comes before an unknown VLAN", unknown, "PASS_NOT_OURS")
    yield passes(
        "an echo request to another host's MAC", ethernet(family.echo(), dst=ROUTER), "PASS_NOT_OURS"
    )
    later = ROUTER + family.fragment(bytes(16), offset=8)[6:]
    yield passes("a later fragment to another host's MAC", later, "PASS_NOT_OURS")
    yield passes("malformed, to another host's MAC", ethernet(packet[:-2], dst=ROUTER), "PASS_NOT_OURS")
    port = family.ip(tcp(40000, 81))
    yield passes("an unknown port at another host's MAC", ethernet(port, dst=ROUTER), "PASS_NOT_OURS")
    for bit in (1, 47):
        other = (int.from_bytes(BALANCER, "little") ^ 1 << bit).to_bytes(6, "little")
        yield passes(f"a MAC that differs in bit {bit} alone", ethernet(packet, dst=other), "PASS_NOT_OURS")
    yield passes("the MAC that is all zeros", ethernet(packet, dst=bytes(6)), "PASS_NOT_OURS")
    yield passes("the MAC that is all ones", ethernet(packet, dst=b"\xff" * 6), "PASS_NOT_UNICAST")
    others = [bytes([2, 9, 0, 0, 0, n]) for n in range(OWN_MACS - 1)]
    for place in (1, 3, 4, 5, OWN_MACS - 1):
        macs = tuple((0, mac) for mac in (*others[:place], BALANCER))
        yield Case(f"to the own MAC with number {place}", ethernet(packet), TX, sent(packet), own=macs)
        yield passes(
            f"to none of {place + 1} own MACs", ethernet(packet, dst=ROUTER), "PASS_NOT_OURS", own=macs
        )
    for many in (0, 4):
        more = tuple((LOOPBACK, mac) for mac in others[:many])
        mine, elsewhere = (*more, (LOOPBACK, BALANCER)), (*more, (LOOPBACK + 1, BALANCER))
        count = len(mine)
        yield Case(f"to the interface's own MAC, of {count}", ethernet(packet), TX, sent(packet), own=mine)
        wrong = f"to another own interface's MAC, of {count}"
        yield passes(wrong, ethernet(packet), "PASS_NOT_OURS", own=elsewhere)
    large = ((LOOPBACK + 65536, BALANCER),)  # the lower half of the index is compared
    yield Case("an index of more than 16 bits", ethernet(packet), TX, sent(packet), own=large)


def payloads(family: Family) -> Iterator[Case]:
    yield forwards("TCP", family.ip(tcp(40000, 80)))
    yield forwards("TCP with SYN", family.ip(tcp(40000, 80, "S")))
    yield forwards("TCP with FIN", family.ip(tcp(40000, 80, "FA")))
    yield forwards("TCP options", family.ip(tcp(1, 80, "S", bytes(20), doff=10)))
    yield forwards("the longest TCP header", family.ip(tcp(1, 80, "S", bytes(40), doff=15)))
    yield forwards("UDP", family.ip(udp(5000, 53), UDP))
    yield forwards("UDP without data", family.ip(udp(5000, 53, b""), UDP))
    yield forwards("UDP shorter than its packet", family.ip(udp(5000, 53, b"data", length=9), UDP))
    yield forwards("a full frame", family.ip(tcp(40000, 80, "A", bytes(1400))))
    packet = family.ip(tcp(40000, 80))
    yield Case("padded", ethernet(packet + bytes(9)), TX, sent(packet + bytes(9)))
    yield Case("port 0 as a source", family.tcp(sport=0), TX, sent(family.ip(tcp(0, 80))))


def others() -> Iterator[Case]:
    yield passes("ARP", ethernet(bytes(28), proto=ARP), "PASS_NOT_IP")
    yield passes("tagged ARP", ethernet(bytes(28), tci=10, proto=ARP), "PASS_NOT_IP")
    yield passes("an 802.3 length for an ethertype", ethernet(bytes(60), proto=60), "PASS_NOT_IP")
    yield passes("nothing behind the MAC addresses", BALANCER + ROUTER + b"\x08\x00", "PASS_NOT_IP")
    yield passes("a tag and nothing behind it", BALANCER + ROUTER + b"\x81\x00\0\x0a", "PASS_NOT_IP")
    yield passes(
        "LLDP", ethernet(bytes(46), dst=bytes.fromhex("0180c200000e"), proto=0x88CC), "PASS_NOT_UNICAST"
    )


CASES = [case for make in (tags, interfaces, addresses, own, payloads) for case in of_families(make)] + list(
    others()
)
