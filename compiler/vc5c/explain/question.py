"""A flow as it is asked for: `203.0.113.7:51234 192.168.101.1:80/tcp`, or
`[2001:db8::1]:5555 [2001:db8::80]:53/udp`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vc5c.addresses import Address, read_address

ENDPOINT = re.compile(r"(?:\[([^\]]*)\]|([^\[\]:]*)):([0-9]{1,5})")


class BadQuestion(Exception):
    """What was asked means nothing: why, for a person."""


@dataclass(frozen=True)
class Flow:
    """protocol: tcp or udp."""

    client: Address
    client_port: int
    vip: Address
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{_shown(self.client, self.client_port)} -> {_shown(self.vip, self.port)} {self.protocol}"


@dataclass(frozen=True)
class Question:
    """protocol: None when it was not said."""

    client: Address
    client_port: int
    vip: Address
    port: int
    protocol: str | None

    def flow(self, protocol: str) -> Flow:
        return Flow(self.client, self.client_port, self.vip, self.port, protocol)


def read_question(client: str, vip: str) -> Question:
    """Raises BadQuestion."""
    where, slash, protocol = vip.partition("/")
    if slash and protocol not in ("tcp", "udp"):
        raise BadQuestion(f"{vip}: `{protocol}` is no protocol with ports: /tcp or /udp")
    source, target = _endpoint(client, "CLIENT"), _endpoint(where, "VIP")
    if source[0].version != target[0].version:
        raise BadQuestion(f"{client} and {where} are of different address families")
    return Question(*source, *target, protocol or None)


def _endpoint(text: str, which: str) -> tuple[Address, int]:
    match = ENDPOINT.fullmatch(text)
    address = read_address(match[1] or match[2] or "") if match else None
    if match is None or address is None or (match[1] is not None) != (address.version == 6):
        raise BadQuestion(f"{which} {text!r} is not ADDRESS:PORT, or [ADDRESS]:PORT for IPv6")
    if not 1 <= int(match[3]) <= 65535:
        raise BadQuestion(f"{which} {text!r}: a port is a number from 1 to 65535")
    return address, int(match[3])


def _shown(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
