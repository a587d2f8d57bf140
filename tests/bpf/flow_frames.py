"""The smallest frame of a flow: Ethernet, IPv4 or IPv6, TCP or UDP."""

from __future__ import annotations

import socket
import struct

MACS = bytes.fromhex("02ffffffffff02eeeeeeeeee")  # to the load balancer, from the router
NUMBERS = {"tcp": 6, "udp": 17}


def frame(client: tuple[str, int], vip: tuple[str, int], protocol: str, syn: bool) -> bytes:
    """client, vip: address and port. syn: of TCP, whether it begins the flow; else it is an ACK."""
    family = socket.AF_INET6 if ":" in vip[0] else socket.AF_INET
    addresses = socket.inet_pton(family, client[0]) + socket.inet_pton(family, vip[0])
    if protocol == "tcp":
        payload = struct.pack(">HHIIBBHHH", client[1], vip[1], 1, 0, 5 << 4, 2 if syn else 16, 0, 0, 0)
    else:
        payload = struct.pack(">HHHH4x", client[1], vip[1], 12, 0)
    if family == socket.AF_INET:
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, NUMBERS[protocol], 0)
        return MACS + b"\x08\x00" + header + addresses + payload
    header = struct.pack(">IHBB", 6 << 28, len(payload), NUMBERS[protocol], 64)
    return MACS + b"\x86\xdd" + header + addresses + payload
