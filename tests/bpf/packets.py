"""Frames as bytes. Only what the data path reads is filled in with care; of checksums only IP's is right."""

from __future__ import annotations

import socket
import struct

BALANCER = bytes.fromhex("02000000000a")
ROUTER = bytes.fromhex("02000000000b")
CLIENT = "10.99.0.2"
IPV4, ARP, IPV6, DOT1Q, DOT1AD = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
TCP, UDP, ICMP = 6, 17, 1
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}


def ethernet(
    payload: bytes,
    dst: bytes = BALANCER,
    src: bytes = ROUTER,
    tci: int | None = None,
    tpid: int = DOT1Q,
    proto: int = IPV4,
) -> bytes:
    """`tci`: the tag's 16 bits (priority and VLAN id), None untagged."""
    tag = b"" if tci is None else struct.pack("!HH", tpid, tci)
    return dst + src + tag + struct.pack("!H", proto) + payload


def ipv4(
    payload: bytes,
    dst: str,
    src: str = CLIENT,
    protocol: int = TCP,
    options: bytes = b"",
    fragment: int = 0,
    total: int | None = None,
    first: int | None = None,
) -> bytes:
    """`fragment`: flags and offset; `total`: a wrong total length; `first`: a wrong first byte."""
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | length // 4 if first is None else first,
        0,
        length + len(payload) if total is None else total,
        0x1234,
        fragment,
        64,
        protocol,
        0,
        socket.inet_aton(src),
        socket.inet_aton(dst),
    )
    return head[:10] + struct.pack("!H", checksum(head + options)) + head[12:] + options + payload


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(sport: int, dport: int, flags: str = "A", payload: bytes = b"", doff: int = 5) -> bytes:
    bits = sum(FLAGS[flag] for flag in flags)
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 2, doff << 4, bits, 8192, 0, 0) + payload


def udp(sport: int, dport: int, payload: bytes = b"data", length: int | None = None) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def tcp_frame(
    vip: str = "192.168.101.1",
    flags: str = "A",
    sport: int = 40000,
    dport: int = 80,
    src: str = CLIENT,
    tci: int | None = None,
    payload: bytes = b"",
) -> bytes:
    return ethernet(ipv4(tcp(sport, dport, flags, payload), vip, src), tci=tci)


def udp_frame(
    vip: str = "192.168.101.1", sport: int = 40000, dport: int = 53, src: str = CLIENT, tci: int | None = None
) -> bytes:
    return ethernet(ipv4(udp(sport, dport), vip, src, UDP), tci=tci)
