"""Reals in other networks: each tunnel's outer headers said by hand; what does not fit, and who is told."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from .model import REDIRECT, TX, Real, Service, Tunnel
from .model.hashes import flow_hash
from .packets import (
    BALANCER,
    FAMILIES,
    ICMP6,
    MAC,
    ROUTER,
    TCP,
    UDP,
    V4,
    V6,
    Family,
    checksum,
    ethernet,
    fragment_header,
    options_header,
    packed,
    tcp,
    udp,
)
from .pair import Pair

pytestmark = pytest.mark.bpf

REALS = {4: "10.77.0.9", 6: "2001:db8:77::9"}
SOURCES = {4: "10.1.10.1", 6: "2001:db8:10::1"}
PORT = 6080
TYPES = ("ipip", "gre", "fou", "gue")
FAR = FAMILIES  # of reals
DF = 0x4000


def start(pair: Pair, family: Family, far: Family, type: str, vlan: int = 0, **more: object) -> None:
    """TCP 80, UDP 53 of a family's VIP, with a real of another (or the same) behind a tunnel."""
    options = {name: more.pop(name) for name in ("too_bigs", "session_mask") if name in more}
    ifindex, track = more.pop("ifindex", 0), more.pop("track", "needed")
    tunnel = Tunnel(type, SOURCES[far.version], PORT if type in ("fou", "gue") else 0, **more)  # type: ignore[arg-type]
    pair.start(
        *(
            Service(
                family.vip,
                port,
                protocol,
                [Real(7 + n, REALS[far.version], mac=MAC, vlan=vlan, ifindex=ifindex, tunnel=tunnel)],  # type: ignore[arg-type]
                [0] * 31,
                track,  # type: ignore[arg-type]
            )
            for n, (port, protocol) in enumerate(((80, TCP), (53, UDP)))
        ),
        **options,  # type: ignore[arg-type]
    )


def flow(family: Family, sport: int = 40000, dport: int = 80, protocol: int = TCP) -> int:
    key = packed(family.client), packed(family.vip), struct.pack("!H", sport), struct.pack("!H", dport)
    return flow_hash(key, protocol, 0)


def outer(far: Family, type: str, packet: bytes, h: int, tos: int = 0, df: bool = True, id: int = 0) -> bytes:
    """The packet as it goes to the real, from the outer IP header on."""
    six = packet[0] >> 4 == 6
    protocol = {"ipip": 41 if six else 4, "gre": 47}.get(type, 17)
    shim = b""
    if type == "gre":
        shim = bytes((0, 0)) + (b"\x86\xdd" if six else b"\x08\x00")
    if type in ("fou", "gue"):
        gue = bytes((0, 41 if six else 4, 0, 0)) if type == "gue" else b""
        shim = struct.pack("!HHHH", 0xC000 | h & 0x3FFF, PORT, 8 + len(gue) + len(packet), 0) + gue
    ends = packed(SOURCES[far.version]) + packed(REALS[far.version])
    if far.version == 6:
        first = 6 << 28 | tos << 20 | h & 0xFFFFF
        return struct.pack("!IHBB", first, len(shim + packet), protocol, 64) + ends + shim + packet
    size = 20 + len(shim + packet)
    head = struct.pack("!BBHHHBBH", 0x45, tos, size, id, DF if df else 0, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + shim + packet


def mixes() -> Iterator[tuple[Family, Family, str]]:
    for family in FAMILIES:
        for far in FAR:
            for type in TYPES:
                yield family, far, type


def name(value: object) -> str:
    return f"IPv{value.version}" if isinstance(value, Family) else str(value)


every = pytest.mark.parametrize(("family", "far", "type"), list(mixes()), ids=name)


def dont_fragment(family: Family, payload: bytes, protocol: int = TCP, **more: object) -> bytes:
    if family.version == 4:
        more["fragment"] = DF
    return family.ip(payload, protocol, **more)


@every
def test_the_packet_inside_is_the_clients(pair: Pair, family: Family, far: Family, type: str) -> None:
    start(pair, family, far, type)
    for payload, protocol, dport in (
        (tcp(40000, 80, "S"), TCP, 80),
        (tcp(40000, 80, "A", b"GET / "), TCP, 80),
        (udp(40000, 53), UDP, 53),
    ):
        packet = dont_fragment(family, payload, protocol)
        out = pair.send(ethernet(packet))
        expected = outer(far, type, packet, flow(family, dport=dport, protocol=protocol))
        assert (out.verdict, out.frame.hex()) == (TX, ethernet(expected, MAC, BALANCER).hex())
    pair.same_state()


@every
def test_tags(pair: Pair, family: Family, far: Family, type: str) -> None:
    """The next hop's VLAN: pushed, popped, rewritten with its priority kept, of either kind of tag."""
    packet = dont_fragment(family, tcp(40000, 80))
    inside = outer(far, type, packet, flow(family))
    start(pair, family, far, type, vlan=20)
    assert pair.send(ethernet(packet)).frame == ethernet(inside, MAC, BALANCER, tci=20)
    assert pair.send(ethernet(packet, tci=0xB00A)).frame == ethernet(inside, MAC, BALANCER, tci=0xB014)
    for tpid in (0x8100, 0x88A8):
        frame = ethernet(packet, tci=0x100A, tpid=tpid)
        assert pair.send(frame).frame == ethernet(inside, MAC, BALANCER, tci=0x1014, tpid=tpid)
    start(pair, family, far, type)
    assert pair.send(ethernet(packet, tci=0xB00A)).frame == ethernet(inside, MAC, BALANCER)


@every
def test_what_shows_outside(pair: Pair, family: Family, far: Family, type: str) -> None:
    """TOS with ECN, DF and id; padding stays behind the packet."""
    start(pair, family, far, type)
    h = flow(family)
    for tos in (1, 2, 3, 0xB8, 0xFF):
        packet = bytearray(dont_fragment(family, tcp(40000, 80)))
        if family.version == 4:
            packet[1] = tos
        else:
            packet[0:2] = struct.pack("!H", 0x6000 | tos << 4)
        out = pair.send(ethernet(bytes(packet) + bytes(6)))
        assert out.frame == ethernet(outer(far, type, bytes(packet), h, tos) + bytes(6), MAC, BALANCER)
    if family is V4:
        packet4 = family.ip(tcp(40000, 80), id=0x4321)
        expected = outer(far, type, packet4, h, df=False, id=0x4321 ^ h >> 16 & 0xFFFF)
        assert pair.send(ethernet(packet4)).frame == ethernet(expected, MAC, BALANCER)


@every
def test_at_every_length(pair: Pair, family: Family, far: Family, type: str) -> None:
    """Cut anywhere: as the model says, to the byte and the counter."""
    start(pair, family, far, type, mtu=1400, vlan=20)
    frames = [family.tcp(), family.udp(), ethernet(family.error(family.answer(tcp(80, 40000))), tci=10)]
    frames.append(family.fragment(tcp(40000, 80), more=True))
    pair.send_all(sorted({frame[:length] for frame in frames for length in range(14, len(frame) + 1)}))
    pair.same_state()


@every
def test_out_by_another_interface(pair: Pair, family: Family, far: Family, type: str) -> None:
    start(pair, family, far, type, ifindex=4711)
    assert pair.send(family.tcp()).verdict == REDIRECT


@every
def test_by_the_flow_table_too(pair: Pair, family: Family, far: Family, type: str) -> None:
    """A service that tracks fully, and one whose slots consult: the same bytes."""
    start(pair, family, far, type, track="full", session_mask=0)
    for flags in ("S", "A", "FA"):
        packet = dont_fragment(family, tcp(40000, 80, flags))
        out = pair.send(ethernet(packet))
        assert out.frame == ethernet(outer(far, type, packet, flow(family)), MAC, BALANCER)
    pair.same_state()


@every
def test_fragments_and_icmp_errors_go_the_same_way(
    pair: Pair, family: Family, far: Family, type: str
) -> None:
    start(pair, family, far, type)
    first = family.fragment(tcp(40000, 80, "A", bytes(80)), more=True)
    later = family.fragment(bytes(40), offset=104)
    for frame, h in ((first, flow(family)), (later, 0)):
        packet = frame[14:]
        bits = int.from_bytes(packet[6:8], "big")
        id = 0x1234 ^ bits ^ (h >> 16 & 0xFFFF)
        expected = outer(far, type, packet, h, df=family.version == 6, id=0 if family.version == 6 else id)
        assert pair.send(frame).frame.hex() == ethernet(expected, MAC, BALANCER).hex()
    error = family.error(family.answer(tcp(80, 40000)), fragment=DF) if family is V4 else None
    error = error or family.error(family.answer(tcp(80, 40000)))
    out = pair.send(ethernet(error))
    assert out.frame == ethernet(outer(far, type, error, flow(family)), MAC, BALANCER)


def test_source_ports_are_spread(pair: Pair) -> None:
    """So that routers with equal paths have something to choose by; each flow keeps its own."""
    start(pair, V4, V4, "fou")
    ports = set()
    for sport in range(1000, 1256):
        seen = {int.from_bytes(pair.send(V4.tcp(flags, sport)).frame[34:36], "big") for flags in "SA"}
        assert len(seen) == 1
        ports |= seen
    assert len(ports) > 240
    assert min(ports) >= 49152
    assert len({port * 64 >> 16 for port in ports}) == 16  # all over the range


def told(family: Family, packet: bytes, mtu: int) -> bytes:
    """The ICMP error from the VIP, as an IP packet."""
    quote = packet[: 548 if family.version == 4 else 1232]
    quote = quote[: len(quote) // 4 * 4]
    if family is V4:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quote
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(body), 0, DF, 64, 1, 0)
        head += packed(family.vip) + packed(family.client)
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
    ends = packed(family.vip) + packed(family.client)
    body = struct.pack("!BBHI", 2, 0, 0, mtu) + quote
    body = (
        body[:2] + struct.pack("!H", checksum(ends + struct.pack("!II", len(body), ICMP6) + body)) + body[4:]
    )
    return struct.pack("!IHBB", 0x6C000000, len(body), ICMP6, 64) + ends + body


def long(family: Family, size: int, **more: object) -> bytes:
    """A TCP packet of `size` bytes."""
    room = size - len(family.ip(tcp(40000, 80, "A"), **more))  # type: ignore[arg-type]
    return family.ip(tcp(40000, 80, "A", bytes(n % 251 for n in range(room))), **more)  # type: ignore[arg-type]


@every
def test_what_does_not_fit_is_answered(pair: Pair, family: Family, far: Family, type: str) -> None:
    start(pair, family, far, type, mtu=1400, vlan=20)
    fits = long(family, 1400)
    assert pair.send(ethernet(fits)).real
    assert pair.send(ethernet(fits + bytes(30))).real, "padding is no part of the packet"
    for size in (1401, 1402, 1403, 1404, 1500):
        packet = long(family, size)
        for tci in (None, 0xB00A):
            out = pair.send(ethernet(packet, tci=tci))
            assert (out.verdict, out.reason) == (TX, "ANSWER_TOO_BIG")
            assert out.frame.hex() == ethernet(told(family, packet, 1400), ROUTER, BALANCER, tci).hex()
    padded = pair.send(ethernet(long(family, 1401) + bytes(9)))
    assert padded.frame == ethernet(told(family, long(family, 1401), 1400), ROUTER, BALANCER)


def test_what_little_fits(pair: Pair) -> None:
    """Shorter packets than a whole quote; IPv6 is never told less than 1280."""
    start(pair, V4, V4, "ipip", mtu=100)
    for size in (101, 102, 103, 104, 547, 548, 549, 552):
        assert pair.send(ethernet(long(V4, size))).frame == ethernet(
            told(V4, long(V4, size), 100), ROUTER, BALANCER
        )
    start(pair, V6, V4, "ipip", mtu=1200)
    out = pair.send(ethernet(long(V6, 1281)))
    assert out.frame == ethernet(told(V6, long(V6, 1281), 1280), ROUTER, BALANCER)
    assert pair.send(ethernet(long(V6, 1280))).reason == "DROP_TOO_BIG"


@pytest.mark.parametrize("family", FAMILIES, ids=name)
def test_who_is_not_told(pair: Pair, family: Family) -> None:
    start(pair, family, V4, "gue", mtu=1300)
    for source in (
        ("127.0.0.1", "224.0.0.9", "0.1.2.3", V4.vip) if family is V4 else ("::", "::1", "ff02::1", V6.vip)
    ):
        assert pair.send(ethernet(long(family, 1400, src=source))).reason == "DROP_TOO_BIG"
    quote = family.answer(tcp(80, 40000) + bytes(1400))
    assert pair.send(ethernet(family.error(quote))).reason == "DROP_TOO_BIG", "no error about an error"
    assert pair.send(family.fragment(tcp(40000, 80, "A", bytes(1200)), more=True)).real
    assert pair.send(family.fragment(bytes(1400), offset=1224)).reason == "DROP_TOO_BIG"
    first = family.fragment(tcp(40000, 80, "A", bytes(1400)), more=True, id=77)
    assert pair.send(first).reason == "ANSWER_TOO_BIG", "a first fragment is answered"
    if family is V6:
        assert pair.send(ethernet(long(V6, 1400, headers=(options_header(),)))).reason == "ANSWER_TOO_BIG"


@pytest.mark.parametrize("family", FAMILIES, ids=name)
def test_no_more_than_so_many_in_a_second(pair: Pair, family: Family) -> None:
    start(pair, family, V4, "ipip", mtu=1300, too_bigs=3)
    pair.new_second()
    frame = ethernet(long(family, 1400))
    reasons = [pair.send(frame).reason for _ in range(5)]
    assert reasons == ["ANSWER_TOO_BIG"] * 3 + ["DROP_TOO_BIG_LIMIT"] * 2
    assert pair.send(family.tcp()).real, "what fits goes on"


@every
def test_no_next_hop(pair: Pair, family: Family, far: Family, type: str) -> None:
    start(pair, family, far, type)
    pair.balancer.services[0].reals[0].mac = None
    pair.sync()
    assert pair.send(family.tcp()).reason == "DROP_NO_NEIGHBOR"
    assert pair.send(ethernet(family.ip(udp(40000, 53), UDP), dst=MAC)).reason == "PASS_AT_REAL"


def pseudo_right(packet: bytes, protocol: int, at: int) -> bool:
    """Whether the checksum of what begins `at` is right for the packet's addresses."""
    body, six = packet[at:], packet[0] >> 4 == 6
    ends = packet[8:40] if six else packet[12:20]
    return checksum(ends + struct.pack("!II", len(body), protocol) + body) == 0


def with_checksum(family: Family, body: bytes, protocol: int, place: int, **more: object) -> bytes:
    ends = packed(family.client) + packed(family.vip)
    check = checksum(ends + struct.pack("!II", len(body), protocol) + body) or 0xFFFF
    return family.ip(body[:place] + struct.pack("!H", check) + body[place + 2 :], protocol, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("vlan", [0, 20])
@pytest.mark.parametrize("family", FAMILIES, ids=name)
def test_dscp(pair: Pair, family: Family, vlan: int) -> None:
    """The destination is the real's, the DSCP says which VIP it was, all checksums are right."""
    start(pair, family, family, "dscp", dscp=41, vlan=vlan, mtu=60)
    to = packed(REALS[family.version])
    for n in range(50):
        for body, protocol, place in (
            (tcp(40000 + n, 80, "A", b"GET /"), TCP, 16),
            (udp(4000 + n, 53), UDP, 6),
        ):
            packet = bytearray(with_checksum(family, body, protocol, place))
            packet[1] |= 2 if family is V4 else 0x20  # ECT(0)
            if family is V4:
                packet[10:12] = bytes(2)
                packet[10:12] = struct.pack("!H", checksum(bytes(packet[:20])))
            out = pair.send(ethernet(bytes(packet))).frame[18 if vlan else 14 :]
            head = 20 if family is V4 else 40
            assert out[16:20] == to if family is V4 else out[24:40] == to
            assert pseudo_right(out, protocol, head)
            if family is V4:
                assert checksum(out[:20]) == 0
                assert out[1] == 41 << 2 | 2
            else:
                assert out[0:2] == struct.pack("!H", 0x6000 | (41 << 2 | 2) << 4)


@pytest.mark.parametrize("family", FAMILIES, ids=name)
def test_dscp_of_what_is_not_plain(pair: Pair, family: Family) -> None:
    start(pair, family, family, "dscp", dscp=1)
    quiet = family.udp()  # without a checksum
    zero = 14 + (20 if family is V4 else 40) + 6
    assert pair.send(quiet).frame[zero : zero + 2] == bytes(2)
    pair.send(family.fragment(tcp(40000, 80, "A", bytes(80)), more=True))
    later = family.fragment(bytes(range(40)), offset=104)
    out = pair.send(later).frame
    assert out[-40:] == bytes(range(40)), "the rest of a datagram has no checksum to mend"
    pair.send(ethernet(family.error(family.answer(tcp(80, 40000)))))
    if family is V6:
        extended = with_checksum(V6, tcp(40000, 80), TCP, 16, headers=(options_header(), fragment_header()))
        assert pseudo_right(pair.send(ethernet(extended)).frame[14:], TCP, 56)
        error = pair.send(ethernet(V6.error(V6.answer(tcp(80, 40000))))).frame[14:]
        assert pseudo_right(error, ICMP6, 40)
    else:
        pair.send(ethernet(V4.ip(tcp(40000, 80), options=bytes([1] * 8))))
    pair.same_state()


def test_udp_checksum_that_becomes_zero(pair: Pair) -> None:
    """Zero would say that there is none: it is written as its other form."""
    for family in FAMILIES:
        start(pair, family, family, "dscp", dscp=1)
        at = 14 + (20 if family is V4 else 40) + 6
        found = 0
        for n in range(65536):
            frame = bytearray(family.udp())
            frame[at : at + 2] = struct.pack("!H", n)
            if n % 4096 == 0 or found == 0:
                verdict, out = pair.kernel.run(bytes(frame))
                assert verdict == TX
                if n:
                    assert out[at : at + 2] != bytes(2)
                    found += out[at : at + 2] == b"\xff\xff"
        assert found
