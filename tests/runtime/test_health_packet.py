"""TCP headers of the half-open check, byte by byte."""

from __future__ import annotations

from vc5d.health.packet import ACK, RST, SYN, Segment, build, internet_checksum, parse_ipv4


def test_checksum_of_rfc_1071() -> None:
    """The example of section 3: the sum is ddf2."""
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2
    assert internet_checksum(b"\x01") == 0xFFFF ^ 0x0100, "an odd byte is followed by a zero"


def test_a_syn() -> None:
    """Ports 0x1234 and 80; the checksum makes the sum with the pseudo header (RFC 9293, 3.1) zero."""
    made = build(Segment(0x1234, 80, 0x01020304, 0, SYN), "10.0.0.1", "192.0.2.80")
    assert made.hex() == "1234005001020304000000006002ffff" + made[16:18].hex() + "0000020405b4"
    pseudo = bytes.fromhex("0a000001c0000250") + bytes([0, 6, 0, len(made)])
    assert internet_checksum(pseudo + made) == 0


def test_a_reset_has_no_options() -> None:
    assert len(build(Segment(1, 2, 3, 0, RST), "10.0.0.1", "192.0.2.80")) == 20


def test_what_a_raw_socket_delivers() -> None:
    segment = Segment(80, 0x1234, 7, 0x01020305, SYN | ACK)
    tcp = build(segment, "192.0.2.80", "10.0.0.1")
    for header_words in (5, 8):
        header = bytes([0x40 | header_words]) + bytes(header_words * 4 - 1)
        assert parse_ipv4(header + tcp) == segment
        assert parse_ipv4((header + tcp)[: header_words * 4 + 19]) is None, "cut short"
    assert parse_ipv4(b"") is None
    assert parse_ipv4(bytes(60)) is None
