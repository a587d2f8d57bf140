"""IP addresses and prefixes.

A configuration may name a hundred thousand addresses, and every stage puts them into sets and dicts; the
standard library's objects spend most of a compilation in their own hash. Here there is one object per
address, so that identity is equality and both cost nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_interface
from typing import ClassVar

NOT_UNICAST = {0, 127, *range(224, 240)}  # first byte: this network, loopback, multicast (RFC 6890)
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, which Pythons do not even write alike


class Address:
    """An IPv4 or IPv6 address. packed: 4 or 16 bytes in network order; text: the canonical form."""

    __slots__ = ("number", "packed", "text", "version")
    _known: ClassVar[dict[bytes, Address]] = {}

    number: int
    packed: bytes
    text: str
    version: int

    def __new__(cls, packed: bytes) -> Address:
        """The one object for these bytes."""
        known = cls._known.get(packed)
        if known is None:
            known = cls._known[packed] = super().__new__(cls)
            known.packed = packed
            known.number = int.from_bytes(packed)
            known.version = 4 if len(packed) == 4 else 6
            known.text = _text(packed)
        return known

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Address({self.text})"

    @property
    def order(self) -> tuple[int, int]:
        """The canonical order: IPv4 before IPv6, then by number."""
        return self.version, self.number

    @property
    def link_local(self) -> bool:
        """fe80::/10 (RFC 4291): it means something on one link only."""
        return self.version == 6 and self.packed[0] == 0xFE and self.packed[1] & 0xC0 == 0x80

    @property
    def unfit(self) -> str:
        """Why no host can have it; '' if one can."""
        if self.packed[:12] == MAPPED:
            return f"write it as the IPv4 address that it is, {socket.inet_ntoa(self.packed[12:])}"
        if self.version == 4:
            unicast = self.packed[0] not in NOT_UNICAST and self.number != 0xFFFFFFFF
        else:
            unicast = self.number > 1 and self.packed[0] != 0xFF
        return "" if unicast else "it is no unicast address"


@dataclass(frozen=True, slots=True)
class Prefix:
    """A network: its first and last address as numbers. text: canonical, without a host part."""

    version: int
    first: int
    last: int
    text: str

    def __contains__(self, address: Address) -> bool:
        return address.version == self.version and self.first <= address.number <= self.last

    def overlaps(self, other: Prefix) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last


@cache
def hint_at_zeros(text: str) -> str:
    """What to say of 010.1.10.11; '' of what is wrong in another way."""
    plain = ".".join(part.lstrip("0") or "0" for part in text.split("."))
    if plain == text or read_address(plain) is None:
        return ""
    return f"zeros in front make a number octal to some programs: write {plain}"


def read_address(text: str) -> Address | None:
    """None if it is no address. A zone (fe80::1%eth0) has no meaning across a fleet."""
    try:
        return Address(socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text))
    except (OSError, ValueError):
        return None


def read_prefix(text: str) -> Prefix | None:
    """The network of 10.1.10.0/24, of 10.1.10.254/24, and of a bare address; None otherwise."""
    try:
        network = ip_interface(text).network
    except ValueError:
        return None
    if "%" in text:
        return None
    text = f"{Address(network.network_address.packed)}/{network.prefixlen}"
    return Prefix(network.version, int(network[0]), int(network[-1]), text)


def full_prefix(text: str) -> str:
    """192.168.102.0/24 of 192.168.102/24, as VC5's documentation writes it; '' of all else."""
    address, slash, length = text.partition("/")
    whole = f"{address}{'.0' * (3 - address.count('.'))}/{length}"
    return whole if slash and 0 < address.count(".") < 3 and read_prefix(whole) else ""


def _text(packed: bytes) -> str:
    """RFC 5952's form. Mapped addresses as in its section 5, which Python follows since 3.13 only."""
    if packed[:12] == MAPPED:
        return f"::ffff:{socket.inet_ntoa(packed[12:])}"
    return str(ip_address(packed)) if len(packed) == 16 else socket.inet_ntoa(packed)
