"""Ethernet frames of a flow, as a client's would come in."""

from __future__ import annotations

import socket
import struct

FLAGS = {"S": 2, "A": 16, "F": 17, "": 0}


def frame_of(client: str, sport: int, vip: str, dport: int, protocol: str, flags: str) -> bytes:
    if protocol == "tcp":
        segment, number = struct.pack(">HHIIBBHHH", sport, dport, 1, 0, 5 << 4, FLAGS[flags], 0, 0, 0), 6
    else:
        segment, number = struct.pack(">HHHH", sport, dport, 8, 0), 17
    if ":" in vip:
        addresses = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, vip)
        ip = struct.pack(">IHBB", 6 << 28, len(segment), number, 64) + addresses
    else:
        addresses = socket.inet_aton(client) + socket.inet_aton(vip)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, number, 0) + addresses
    ethernet = bytes.fromhex("02ffffffffff02eeeeeeeeee") + (b"\x86\xdd" if ":" in vip else b"\x08\x00")
    return ethernet + ip + segment + bytes(20)
