"""ICMP to a VIP: echo, errors, discovery, and what else there is."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case, drops, forwards, of_families, passes
from .model import TX
from .packets import (
    BALANCER,
    DESTINATION,
    HOP_BY_HOP,
    ROUTER,
    SCTP,
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

RECORD_ROUTE = bytes([7, 7, 4, 0, 0, 0, 0, 0])


def answers(name: str, request: bytes, reply: bytes, pad: bytes = b"", tci: int | None = None) -> Case:
    back = ethernet(reply + pad, dst=ROUTER, src=BALANCER, tci=tci)
    return Case(name, ethernet(request + pad, tci=tci), TX, back, "ANSWER_ECHO")


def echo(family: Family) -> Iterator[Case]:
    for size in (0, 1, 2, 7, 56, 57, 1400):
        data = bytes(n % 251 for n in range(size))
        yield answers(f"echo with {size} bytes", family.echo(data), family.reply(data))
    for ttl in (1, 63, 64, 65, 255):
        yield answers(f"echo with TTL {ttl}", family.echo(ttl=ttl), family.reply())
    yield answers("echo, tagged", family.echo(), family.reply(), tci=0xB00A)
    yield answers("echo, priority tag", family.echo(), family.reply(), tci=0xE000)
    yield answers("echo, padded", family.echo(), family.reply(), pad=bytes(range(18)))
    full = b"\xff" * 64
    yield answers("echo of ones", family.echo(full), family.reply(full))
    yield drops("echo with code 1", family.echo(code=1), "DROP_ICMP")
    yield drops("echo to a VIP that is down", family.echo(), "DROP_VIP_DOWN", down=True)
    yield drops("echo from the VIP itself", family.echo(src=family.vip), "DROP_MALFORMED")
    yield drops(
        "echo from nobody to a VIP that is down", family.echo(src=family.vip), "DROP_MALFORMED", down=True
    )
    yield passes("echo, not to a VIP", ethernet(family.echo(dst=family.host)), "PASS_NOT_VIP")
    reply = family.message(0 if family.version == 4 else 129)
    yield drops("an echo reply", reply, "DROP_ICMP")
    other = family.message(128 if family.version == 4 else 8)
    yield drops("the other family's echo", other, "DROP_ICMP")


def echo_sources() -> Iterator[Case]:
    for source in (
        "0.0.0.0",
        "0.255.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ):
        yield drops(f"IPv4: echo from {source}", V4.echo(src=source), "DROP_MALFORMED")
    for source in ("1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "192.168.101.2"):
        request, reply = (
            V4.echo(src=source),
            V4.message(0, 0, bytes([0, 7, 0, 9]), b"ping", ttl=64, src=V4.vip, dst=source),
        )
        yield answers(f"IPv4: echo from {source}", request, reply)
    for source in ("::", "::1", "ff00::", "ff02::1", "ffff::1"):
        yield drops(f"IPv6: echo from {source}", V6.echo(src=source), "DROP_MALFORMED")
    for source in ("::2", "::ffff:10.1.2.3", "fe80::1", "feff::1", "1::", "2001:db8:101::2", "100::1"):
        request, reply = (
            V6.echo(src=source),
            V6.message(129, 0, bytes([0, 7, 0, 9]), b"ping", ttl=64, src=V6.vip, dst=source),
        )
        yield answers(f"IPv6: echo from {source}", request, reply)
    yield drops("IPv4: echo with options", V4.echo(options=RECORD_ROUTE), "DROP_ICMP")
    yield drops("IPv4: echo with options, VIP down", V4.echo(options=RECORD_ROUTE), "DROP_ICMP", down=True)
    for name, header in (
        ("options", options_header()),
        ("an atomic fragment", fragment_header()),
        ("routing", routing_header()),
    ):
        yield drops(f"IPv6: echo behind {name}", V6.echo(headers=(header,)), "DROP_ICMP")


def errors(family: Family) -> Iterator[Case]:
    """A real's segment to a client was too big, or did not arrive."""
    segment, datagram = tcp(80, 40000, "A", bytes(600)), udp(53, 40000, bytes(600))
    quote, dns = family.answer(segment), family.answer(datagram, UDP)
    kinds = ((3, 0), (3, 1), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0))
    kinds = kinds if family.version == 4 else ((1, 0), (1, 4), (2, 0), (3, 0), (3, 1), (4, 0), (4, 2), (2, 7))
    for kind, code in kinds:
        yield forwards(f"error {kind}/{code} about TCP", family.error(quote, kind, code))
        yield forwards(f"error {kind}/{code} about UDP", family.error(dns, kind, code))
    head = 20 if family.version == 4 else 40
    for size in (head + 8, head + 9, head + 20, len(quote)):
        yield forwards(f"quote of {size} bytes", family.error(quote[:size]))
        yield forwards(f"quote of {size} bytes, UDP", family.error(dns[:size]))
    for size in (0, 1, head - 1, head, head + 7):
        yield drops(f"quote of {size} bytes, too short", family.error(quote[:size]), "DROP_ICMP")
    short = ethernet(family.error(quote[: head + 7]) + quote[head + 7 :])
    yield Case("padding is no part of the quote", short, 1, None, "DROP_ICMP")
    yield drops("about another port", family.error(family.answer(tcp(81, 40000))), "DROP_ICMP")
    yield drops("about the other protocol", family.error(family.answer(udp(80, 1), UDP)), "DROP_ICMP")
    yield drops("about SCTP", family.error(family.answer(tcp(80, 1), SCTP)), "DROP_ICMP")
    yield drops("about ICMP", family.error(family.answer(bytes(20), family.icmp)), "DROP_ICMP")
    strange = family.answer(segment, vip=family.host)
    yield drops("about another host's packet", family.error(strange), "DROP_ICMP")
    other = family.answer(segment, vip=family.other_vip)
    yield drops("about another VIP's packet", family.error(other), "DROP_ICMP")
    arriving = family.ip(tcp(40000, 80))
    yield drops("about a packet to the VIP", family.error(arriving), "DROP_ICMP")
    yield passes("an error, not to a VIP", ethernet(family.error(quote, dst=family.host)), "PASS_NOT_VIP")
    yield forwards("a quoted SYN with ACK", family.error(family.answer(tcp(80, 40000, "SA"))))
    yield forwards("a quoted SYN", family.error(family.answer(tcp(80, 40000, "S"))))
    wrong = (
        quote[:2] + b"\xff\xff" + quote[4:] if family.version == 4 else quote[:4] + b"\xff\xff" + quote[6:]
    )
    yield forwards("a quote with a wrong length", family.error(wrong))
    nothing = quote[:2] + b"\0\0" + quote[4:] if family.version == 4 else quote[:4] + b"\0\0" + quote[6:]
    yield forwards("a quote with length 0", family.error(nothing))
    yield forwards("from the VIP itself", family.error(quote, src=family.vip))
    yield forwards("with TTL 1", family.error(quote, ttl=1))


def errors4() -> Iterator[Case]:
    segment = tcp(80, 40000)
    with_options = V4.answer(segment, options=RECORD_ROUTE)
    yield forwards("IPv4: a quote with options", V4.error(with_options))
    yield drops("IPv4: a quote with options, cut", V4.error(with_options[:35]), "DROP_ICMP")
    yield forwards("IPv4: an error with options", V4.error(V4.answer(segment), options=RECORD_ROUTE))
    yield forwards("IPv4: about a first fragment", V4.error(V4.answer(segment, fragment=0x2000)))
    for offset in (1, 0x2001, 0x1FFF):
        yield drops(
            f"IPv4: about a later fragment {offset:x}",
            V4.error(V4.answer(segment, fragment=offset)),
            "DROP_ICMP",
        )
    for first in (0x44, 0x65, 0x4F):
        yield drops(
            f"IPv4: a quote that begins with {first:x}",
            V4.error(V4.answer(segment, first=first)),
            "DROP_ICMP",
        )
    for kind in (0, 4, 5, 9, 10, 13, 14, 17, 30, 255, 1, 2):
        yield drops(f"IPv4: ICMP type {kind}", V4.error(V4.answer(segment), kind), "DROP_ICMP")


def errors6() -> Iterator[Case]:
    segment = tcp(80, 40000)
    hop, dest = options_header(HOP_BY_HOP), options_header(DESTINATION)
    for name, chain in (
        ("options", (hop, dest)),
        ("routing", (routing_header(),)),
        ("an atomic fragment", (fragment_header(),)),
        ("a first fragment", (fragment_header(more=True),)),
        ("six headers", (hop, dest, dest, dest, dest, dest)),
    ):
        yield forwards(f"IPv6: a quote with {name}", V6.error(V6.answer(segment, headers=chain)))
        whole = V6.answer(segment, headers=chain)
        cut = whole[: len(whole) - len(segment) + 7]
        yield drops(f"IPv6: a quote with {name}, cut in TCP", V6.error(cut), "DROP_ICMP")
        yield drops(f"IPv6: a quote with {name}, cut in it", V6.error(whole[:45]), "DROP_ICMP")
    for name, chain in (
        ("a later fragment", (fragment_header(8, True),)),
        ("the last fragment", (fragment_header(8),)),
        ("segments left", (routing_header(1),)),
        ("seven headers", (hop, dest, dest, dest, dest, dest, dest)),
        ("two fragment headers", (fragment_header(), fragment_header())),
    ):
        yield drops(f"IPv6: a quote with {name}", V6.error(V6.answer(segment, headers=chain)), "DROP_ICMP")
    yield drops("IPv6: a quote of version 4", V6.error(V6.answer(segment, first=0x45)), "DROP_ICMP")
    yield drops("IPv6: a quote of IPv4", V6.error(V4.answer(segment) + bytes(40)), "DROP_ICMP")
    yield forwards("IPv6: an error behind options", V6.error(V6.answer(segment), headers=(dest,)))
    for kind in (0, 5, 100, 127, 129, 130, 131, 132, 138, 139, 143, 200, 255, 3 | 8):
        yield drops(f"IPv6: ICMP type {kind}", V6.error(V6.answer(segment), kind), "DROP_ICMP")


def discovery() -> Iterator[Case]:
    for kind in range(133, 138):
        packet = V6.message(kind, data=bytes(16), ttl=255)
        yield passes(f"IPv6: discovery, type {kind}", ethernet(packet), "PASS_NEIGHBOR_DISCOVERY")
    down = ethernet(V6.message(135, data=bytes(16)))
    yield passes("IPv6: discovery, VIP down", down, "PASS_NEIGHBOR_DISCOVERY", down=True)
    yield passes("IPv6: discovery with code 1", ethernet(V6.message(135, 1)), "PASS_NEIGHBOR_DISCOVERY")
    behind = ethernet(V6.message(135, headers=(options_header(),)))
    yield passes("IPv6: discovery behind options", behind, "PASS_NEIGHBOR_DISCOVERY")
    yield drops("IPv4: the types of discovery", V4.message(135), "DROP_ICMP")


def fragments(family: Family) -> Iterator[Case]:
    """ICMP is never put together."""
    echo = bytes([8 if family.version == 4 else 128, 0]) + bytes(14)
    for name, offset, more in (("first", 0, True), ("later", 8, True), ("last", 16, False)):
        frame = family.fragment(echo, family.icmp, offset, more)
        yield Case(f"{name} fragment of an echo", frame, 1, None, "DROP_FRAGMENT")
        yield Case(f"{name} fragment of an echo, VIP down", frame, 1, None, "DROP_FRAGMENT", down=True)
    quote = family.answer(tcp(80, 40000))
    kind = 3 if family.version == 4 else 1
    first = family.fragment(bytes([kind, 0]) + bytes(6) + quote, family.icmp, 0, True)
    yield Case("first fragment of an error", first, 1, None, "DROP_FRAGMENT")
    tiny = family.fragment(bytes(7), family.icmp, 0, True)
    yield Case("first fragment of ICMP of 7 bytes", tiny, 1, None, "DROP_MALFORMED")
    if family.version == 6:
        solicitation = family.fragment(bytes([135]) + bytes(23), family.icmp, 0, True)
        yield Case("first fragment of discovery", solicitation, 1, None, "DROP_FRAGMENT")


CASES = [
    *of_families(echo),
    *echo_sources(),
    *of_families(errors),
    *errors4(),
    *errors6(),
    *discovery(),
    *of_families(fragments),
]
