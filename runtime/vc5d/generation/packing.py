"""Addresses as struct real has them."""

from __future__ import annotations

import socket

_V4_MAPPED = bytes(10) + b"\xff\xff"


def packed(address: str) -> bytes:
    """16 bytes, IPv4 mapped (RFC 4291, section 2.5.5.2)."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return _V4_MAPPED + socket.inet_aton(address)


def unpacked(raw: bytes) -> str:
    """The inverse of `packed`."""
    if raw.startswith(_V4_MAPPED):
        return socket.inet_ntoa(raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)
