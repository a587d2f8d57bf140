"""Headers: IPv4 options, IPv6 extension headers, lengths, protocols, ports."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case, drops, forwards, of_families, passes
from .packets import (
    AUTHENTICATION,
    DESTINATION,
    ESP,
    HOP_BY_HOP,
    ICMP,
    ICMP6,
    IPV4,
    IPV6,
    NONE,
    SCTP,
    TCP,
    UDP,
    V4,
    V6,
    Family,
    ethernet,
    fragment_header,
    options_header,
    routing_header,
    tcp,
    udp,
)

SEGMENT = tcp(40000, 80, "A", b"GET")
RECORD_ROUTE = bytes([7, 7, 4, 0, 0, 0, 0, 0])


def ports(family: Family) -> Iterator[Case]:
    yield drops("a VIP's unknown port", family.ip(tcp(1, 81)), "DROP_UNKNOWN_PORT")
    yield drops("a VIP's port 0", family.ip(tcp(1, 0)), "DROP_UNKNOWN_PORT")
    yield drops("a port in the other protocol", family.ip(udp(1, 80), UDP), "DROP_UNKNOWN_PORT")
    yield drops("TCP to a port of UDP", family.ip(tcp(1, 53)), "DROP_UNKNOWN_PORT")
    yield drops("the port's bytes swapped", family.ip(tcp(1, 0x5000)), "DROP_UNKNOWN_PORT")
    yield drops("SCTP", family.ip(bytes(20), SCTP), "DROP_PROTOCOL")
    yield drops("ESP", family.ip(bytes(20), ESP), "DROP_PROTOCOL")
    yield drops("the other family's ICMP", family.ip(bytes(20), ICMP6 + ICMP - family.icmp), "DROP_PROTOCOL")
    elsewhere = family.ip(bytes(20), SCTP, dst=family.host)
    yield passes("SCTP, not to a VIP", ethernet(elsewhere), "PASS_NOT_VIP")


def transport_lengths(family: Family) -> Iterator[Case]:
    """TCP and UDP headers that do not fit."""
    yield drops("a TCP header cut short", family.ip(tcp(1, 80)[:19]), "DROP_MALFORMED")
    yield drops("a TCP header longer than the packet", family.ip(tcp(1, 80, doff=6)), "DROP_MALFORMED")
    yield drops("a TCP header of 16 bytes", family.ip(tcp(1, 80, "A", b"data", doff=4)), "DROP_MALFORMED")
    yield drops("a TCP header of 0 bytes", family.ip(tcp(1, 80, "A", b"data", doff=0)), "DROP_MALFORMED")
    yield drops("UDP cut short", family.ip(udp(1, 53)[:7], UDP), "DROP_MALFORMED")
    yield drops("UDP longer than the packet", family.ip(udp(1, 53, length=13), UDP), "DROP_MALFORMED")
    yield drops("UDP of less than 8 bytes", family.ip(udp(1, 53, length=7), UDP), "DROP_MALFORMED")
    yield drops("UDP of length 0", family.ip(udp(1, 53, length=0), UDP), "DROP_MALFORMED")
    yield drops("malformed comes before unknown port", family.ip(tcp(1, 81, doff=6)), "DROP_MALFORMED")
    yield drops("ICMP of 7 bytes", family.ip(bytes([8] * 7), family.icmp), "DROP_MALFORMED")
    for name, segment, protocol in (
        ("the TCP options", tcp(1, 80, doff=6), TCP),
        ("the TCP header", tcp(1, 80)[:19], TCP),
        ("the UDP header", udp(1, 53, b"", length=8)[:7], UDP),
        ("UDP's data", udp(1, 53, length=13), UDP),
        ("the ICMP header", bytes(7), family.icmp),
    ):
        padded = ethernet(family.ip(segment, protocol) + bytes(40))
        yield Case(f"padding is no part of {name}", padded, 1, None, "DROP_MALFORMED")


def ipv4_headers() -> Iterator[Case]:
    yield forwards("IPv4: options", V4.ip(SEGMENT, options=RECORD_ROUTE))
    yield forwards("IPv4: the longest header", V4.ip(SEGMENT, options=RECORD_ROUTE * 5))
    yield forwards("IPv4: options before UDP", V4.ip(udp(1, 53), UDP, options=RECORD_ROUTE))
    yield forwards("IPv4: don't fragment is no fragment", V4.ip(SEGMENT, fragment=0x4000))
    yield forwards("IPv4: the reserved flag is no fragment", V4.ip(SEGMENT, fragment=0x8000))
    for name, first in (("version 5", 0x55), ("version 0", 0x05), ("version 6", 0x65), ("16 bytes", 0x44)):
        frame = ethernet(V4.ip(SEGMENT, first=first), proto=IPV4)
        yield passes(f"IPv4: a header of {name}", frame, "PASS_NOT_IP")
    size = 20 + len(SEGMENT)
    for name, wrong in (
        ("beyond the frame", {"total": size + 1}),
        ("of 65535", {"total": 65535}),
        ("less than the header", {"total": 19}),
        ("0", {"total": 0}),
        ("without the whole of TCP", {"total": 39}),
        ("less than the options", {"options": RECORD_ROUTE, "total": 27}),
    ):
        yield drops(f"IPv4: total length {name}", V4.ip(SEGMENT, **wrong), "DROP_MALFORMED")
    yield drops("IPv4: a header longer than the packet", V4.ip(SEGMENT, first=0x4F), "DROP_MALFORMED")
    bad = ethernet(V4.ip(SEGMENT, dst=V4.host, total=2000))
    yield passes("IPv4: a bad length, not to a VIP", bad, "PASS_NOT_VIP")


HOP, DEST = options_header(HOP_BY_HOP), options_header(DESTINATION)
KINDS = {
    "hop-by-hop options": HOP,
    "destination options": DEST,
    "long destination options": options_header(DESTINATION, 5),
    "routing, no segments left": routing_header(),
    "an atomic fragment": fragment_header(),
}


def ipv6_headers() -> Iterator[Case]:
    for name, header in KINDS.items():
        yield forwards(f"IPv6: {name}", V6.ip(SEGMENT, headers=(header,)))
        yield forwards(f"IPv6: {name}, UDP", V6.ip(udp(1, 53), UDP, headers=(header,)))
        number, rest = header
        for cut in {0, 1, len(rest) - 1}:
            short = V6.ip(b"", headers=((number, rest[:cut]),))
            yield drops(f"IPv6: {name}, cut to {cut + 1}", short, "DROP_MALFORMED")
        yield drops(f"IPv6: {name}, then nothing", V6.ip(b"", headers=(header,)), "DROP_MALFORMED")
    every = (HOP, DEST, routing_header(), fragment_header(), DEST)
    yield forwards("IPv6: all kinds, as RFC 8200 orders them", V6.ip(SEGMENT, headers=every))
    yield forwards("IPv6: six headers", V6.ip(SEGMENT, headers=(*every, DEST)))
    yield forwards("IPv6: six long headers", V6.ip(SEGMENT, headers=(options_header(DESTINATION, 15),) * 6))
    yield drops("IPv6: seven headers", V6.ip(SEGMENT, headers=(*every, DEST, DEST)), "DROP_PROTOCOL")
    yield drops(
        "IPv6: two fragment headers", V6.ip(SEGMENT, headers=(fragment_header(),) * 2), "DROP_PROTOCOL"
    )
    yield drops("IPv6: segments left", V6.ip(SEGMENT, headers=(routing_header(1),)), "DROP_PROTOCOL")
    late = (HOP, DEST, routing_header(255))
    yield drops("IPv6: segments left, further in", V6.ip(SEGMENT, headers=late), "DROP_PROTOCOL")
    authenticated = (AUTHENTICATION, bytes([4]) + bytes(22))
    yield drops("IPv6: authentication", V6.ip(SEGMENT, headers=(authenticated,)), "DROP_PROTOCOL")
    yield drops("IPv6: no next header", V6.ip(bytes(8), NONE), "DROP_PROTOCOL")
    yield drops(
        "IPv6: a length beyond the payload",
        V6.ip(SEGMENT, headers=((60, b"\xff" + bytes(6)),)),
        "DROP_MALFORMED",
    )
    yield drops("IPv6: hop by hop behind others", V6.ip(bytes(8), NONE, headers=(DEST, HOP)), "DROP_PROTOCOL")
    yield forwards("IPv6: hop by hop behind others, TCP", V6.ip(SEGMENT, headers=(DEST, HOP)))
    yield from ipv6_lengths()


def ipv6_lengths() -> Iterator[Case]:
    size = len(SEGMENT)
    for name, length in (("beyond the frame", size + 1), ("of 65535", 65535), ("0", 0), ("7", 7), ("19", 19)):
        yield drops(f"IPv6: payload length {name}", V6.ip(SEGMENT, length=length), "DROP_MALFORMED")
    for protocol in (SCTP, NONE, ESP):
        yield drops(
            f"IPv6: payload length 0 and {protocol}", V6.ip(bytes(8), protocol, length=0), "DROP_MALFORMED"
        )
        beyond = V6.ip(bytes(8), protocol, headers=(options_header(DESTINATION, 2),), length=20)
        yield drops(f"IPv6: an extension beyond the payload, and {protocol}", beyond, "DROP_MALFORMED")
    short = V6.ip(SEGMENT, headers=(DEST,), length=7)
    yield drops("IPv6: an extension beyond the payload, within the frame", short, "DROP_MALFORMED")
    for first in (0x40, 0x50, 0x00, 0x70):
        frame = ethernet(V6.ip(SEGMENT, first=first), proto=IPV6)
        yield passes(f"IPv6: version {first >> 4}", frame, "PASS_NOT_IP")
    yield forwards("IPv6: traffic class bits", V6.ip(SEGMENT, first=0x6F))
    bad = ethernet(V6.ip(SEGMENT, dst=V6.host, length=2000))
    yield passes("IPv6: a bad length, not to a VIP", bad, "PASS_NOT_VIP")
    frame = ethernet(V6.ip(SEGMENT), proto=IPV4)
    yield passes("IPv6 where the ethertype says IPv4", frame, "PASS_NOT_IP")
    frame = ethernet(V4.ip(SEGMENT), proto=IPV6)
    yield passes("IPv4 where the ethertype says IPv6", frame, "PASS_NOT_IP")


CASES = [
    *of_families(ports),
    *of_families(transport_lengths),
    *ipv4_headers(),
    *ipv6_headers(),
]
