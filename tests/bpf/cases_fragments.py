"""Single fragments; what needs more than one is in test_fragments.py."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case, of_families
from .model import DROP, TX
from .packets import BALANCER, MAC, SCTP, UDP, Family, tcp, udp


def first(family: Family) -> Iterator[Case]:
    """They have ports, and are handled like whole packets."""
    for name, segment, protocol in (
        ("TCP", tcp(1, 80, "A", bytes(20)), 6),
        ("TCP with SYN", tcp(1, 80, "S", bytes(20)), 6),
        ("UDP", udp(1, 53, bytes(24), length=3000), UDP),
        ("UDP as short as may be", udp(1, 53, b"", length=8), UDP),
    ):
        frame = family.fragment(segment, protocol, more=True)
        yield Case(f"first fragment of {name}", frame, TX, MAC + BALANCER + frame[12:])
    for name, segment, protocol, reason in (
        ("a TCP header cut short", tcp(1, 80)[:16], 6, "DROP_MALFORMED"),
        ("TCP options cut short", tcp(1, 80, doff=8), 6, "DROP_MALFORMED"),
        ("UDP of length 7", udp(1, 53, bytes(8), length=7), UDP, "DROP_MALFORMED"),
        ("UDP of 7 bytes", bytes(7), UDP, "DROP_MALFORMED"),
        ("an unknown port", tcp(1, 81), 6, "DROP_UNKNOWN_PORT"),
        ("SCTP", bytes(24), SCTP, "DROP_PROTOCOL"),
    ):
        yield Case(
            f"first fragment, {name}", family.fragment(segment, protocol, more=True), DROP, None, reason
        )

    for name, segment, protocol in (
        ("the UDP header", udp(1, 53, b"", length=8)[:7], UDP),
        ("the TCP header", tcp(1, 80)[:19], 6),
    ):
        frame = family.fragment(segment, protocol, more=True) + bytes(40)
        yield Case(f"first fragment, padding is no part of {name}", frame, DROP, None, "DROP_MALFORMED")


def later(family: Family) -> Iterator[Case]:
    """Nobody saw the first one."""
    for protocol in (6, UDP, SCTP):
        for offset, more in ((8, True), (8, False), (65528, False), (1480, True)):
            frame = family.fragment(tcp(1, 80), protocol, offset, more)
            yield Case(f"later fragment of {protocol} at {offset} {more}", frame, DROP, None, "DROP_FRAGMENT")
    for bit in range(13):
        frame = family.fragment(tcp(1, 80), 6, 8 << bit)
        yield Case(f"later fragment, bit {bit} of its offset", frame, DROP, None, "DROP_FRAGMENT")
    empty = family.fragment(b"", 6, 8)
    yield Case("later fragment without data", empty, DROP, None, "DROP_FRAGMENT")
    frame = family.fragment(tcp(1, 80), 6, 8, dst=family.host)
    yield Case("later fragment, not to a VIP", frame, 2, None, "PASS_NOT_VIP")
    frame = family.fragment(tcp(1, 80), 6, 0, True, dst=family.host)
    yield Case("first fragment, not to a VIP", frame, 2, None, "PASS_NOT_VIP")


CASES = [*of_families(first), *of_families(later)]
