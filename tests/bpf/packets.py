"""Frames as bytes, both families alike. Checksums of IPv4 and of ICMP are right; TCP and UDP have none,
since the data path does not look at them."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

BALANCER = bytes.fromhex("02000000000a")
ROUTER = bytes.fromhex("02000000000b")
MAC = bytes.fromhex("020000000110")  # of the real, where there is one
IPV4, ARP, IPV6, DOT1Q, DOT1AD = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
TCP, UDP, ICMP, ICMP6, SCTP, NONE = 6, 17, 1, 58, 132, 59
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AUTHENTICATION, DESTINATION = 0, 43, 44, 50, 51, 60
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
MORE = 0x2000  # IPv4: more fragments


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def ethernet(
    payload: bytes,
    dst: bytes = BALANCER,
    src: bytes = ROUTER,
    tci: int | None = None,
    tpid: int = DOT1Q,
    proto: int | None = None,
) -> bytes:
    """`tci`: the tag's 16 bits (priority and VLAN id), None untagged. `proto` None: by the IP version."""
    tag = b"" if tci is None else struct.pack("!HH", tpid, tci)
    if proto is None:
        proto = IPV6 if payload[:1] and payload[0] >> 4 == 6 else IPV4
    return dst + src + tag + struct.pack("!H", proto) + payload


def ipv4(
    payload: bytes,
    dst: str,
    src: str,
    protocol: int = TCP,
    options: bytes = b"",
    fragment: int = 0,
    total: int | None = None,
    first: int | None = None,
    id: int = 0x1234,
    ttl: int = 61,
) -> bytes:
    """`fragment`: flags and offset; `total`: a wrong total length; `first`: a wrong first byte."""
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | length // 4 if first is None else first,
        0,
        length + len(payload) if total is None else total,
        id,
        fragment,
        ttl,
        protocol,
        0,
        packed(src),
        packed(dst),
    )
    return head[:10] + struct.pack("!H", checksum(head + options)) + head[12:] + options + payload


def ipv6(
    payload: bytes,
    dst: str,
    src: str,
    protocol: int = TCP,
    headers: tuple[tuple[int, bytes], ...] = (),
    length: int | None = None,
    first: int = 0x60,
    ttl: int = 61,
) -> bytes:
    """`headers`: of extension, each its number and its bytes but the first; `length`: a wrong one."""
    chain = [number for number, _ in headers] + [protocol]
    extensions = b"".join(
        bytes([follows]) + rest for (_, rest), follows in zip(headers, chain[1:], strict=True)
    )
    size = len(extensions) + len(payload) if length is None else length
    head = bytes([first, 0, 0, 0]) + struct.pack("!HBB", size, chain[0], ttl)
    return head + packed(src) + packed(dst) + extensions + payload


def options_header(number: int = DESTINATION, words: int = 0) -> tuple[int, bytes]:
    """Hop-by-hop or destination options of 8 + 8 * `words` bytes, padding only (RFC 8200, section 4.2)."""
    return number, bytes([words, 1, 4 + 8 * words]) + bytes(4 + 8 * words)


def routing_header(left: int = 0) -> tuple[int, bytes]:
    """Type 2, of 24 bytes; `left`: segments left."""
    return ROUTING, bytes([2, 2, left]) + bytes(4) + bytes(15) + b"\1"


def fragment_header(offset: int = 0, more: bool = False, id: int = 0x12345678) -> tuple[int, bytes]:
    """`offset` in bytes, a multiple of 8."""
    return FRAGMENT, b"\0" + struct.pack("!HI", offset | more, id)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(sport: int, dport: int, flags: str = "A", payload: bytes = b"", doff: int = 5) -> bytes:
    bits = sum(FLAGS[flag] for flag in flags)
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 2, doff << 4, bits, 8192, 0, 0) + payload


def udp(sport: int, dport: int, payload: bytes = b"data", length: int | None = None) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


@dataclass(frozen=True)
class Family:
    """Addresses of one IP version, and packets between them."""

    version: int
    vip: str
    other_vip: str
    host: str
    client: str
    router: str
    icmp: int

    def ip(self, payload: bytes, protocol: int = TCP, dst: str = "", src: str = "", **more: object) -> bytes:
        """An IP packet; `more` as of ipv4 and ipv6."""
        make = ipv4 if self.version == 4 else ipv6
        return make(payload, dst or self.vip, src or self.client, protocol, **more)  # type: ignore[operator, no-any-return]

    def tcp(
        self, flags: str = "A", sport: int = 40000, dport: int = 80, dst: str = "", src: str = ""
    ) -> bytes:
        """A frame with a TCP segment."""
        return ethernet(self.ip(tcp(sport, dport, flags), TCP, dst, src))

    def udp(self, sport: int = 40000, dport: int = 53, dst: str = "", src: str = "") -> bytes:
        return ethernet(self.ip(udp(sport, dport), UDP, dst, src))

    def fragment(
        self,
        payload: bytes,
        protocol: int = TCP,
        offset: int = 0,
        more: bool = False,
        id: int = 0x1234,
        src: str = "",
        dst: str = "",
    ) -> bytes:
        """A frame with a fragment; `offset` in bytes."""
        if self.version == 4:
            bits = offset // 8 | (MORE if more else 0)
            return ethernet(self.ip(payload, protocol, dst, src, fragment=bits, id=id))
        return ethernet(self.ip(payload, protocol, dst, src, headers=(fragment_header(offset, more, id),)))

    def message(
        self, kind: int, code: int = 0, rest: bytes = bytes(4), data: bytes = b"", **more: object
    ) -> bytes:
        """An IP packet with an ICMP message, its checksum right. `rest`: bytes 4 to 7. `more` as of `ip`."""
        body = bytes([kind, code, 0, 0]) + rest + data
        pseudo = b""
        if self.version == 6:
            ends = packed(str(more.get("src") or self.client)) + packed(str(more.get("dst") or self.vip))
            pseudo = ends + struct.pack("!II", len(body), ICMP6)
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
        return self.ip(body, self.icmp, **more)  # type: ignore[arg-type]

    def echo(self, data: bytes = b"ping", code: int = 0, **more: object) -> bytes:
        """An IP packet with an echo request, id 7, sequence number 9."""
        return self.message(8 if self.version == 4 else 128, code, bytes([0, 7, 0, 9]), data, **more)

    def reply(self, data: bytes = b"ping", ttl: int = 64, **more: object) -> bytes:
        kind = 0 if self.version == 4 else 129
        return self.message(
            kind, 0, bytes([0, 7, 0, 9]), data, ttl=ttl, src=self.vip, dst=self.client, **more
        )

    def error(
        self,
        quote: bytes,
        kind: int | None = None,
        code: int = 0,
        src: str = "",
        dst: str = "",
        **more: object,
    ) -> bytes:
        """An IP packet with an ICMP error about `quote`, from the router; by default "packet too big"."""
        if kind is None:
            kind, code = (3, 4) if self.version == 4 else (2, 0)
        return self.message(kind, code, data=quote, src=src or self.router, dst=dst, **more)

    def answer(
        self, payload: bytes = b"", protocol: int = TCP, client: str = "", vip: str = "", **more: object
    ) -> bytes:
        """An IP packet as a real sends it to the client: what routers quote."""
        return self.ip(payload, protocol, client or self.client, vip or self.vip, **more)


V4 = Family(4, "192.168.101.1", "192.168.101.2", "10.1.10.1", "10.99.0.2", "10.99.7.7", ICMP)
V6 = Family(
    6, "2001:db8:101::1", "2001:db8:101::2", "2001:db8:10::1", "2001:db8:99::2", "2001:db8:97::7", ICMP6
)
FAMILIES = (V4, V6)
