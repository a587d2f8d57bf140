"""What a document says of sharing, and what the process that does it is told: `Wanted`."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Vc5Error

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TTL = 1
PORT = 12345
_HINT = "vc5c writes these keys: docs/sharing.md"


@dataclass(frozen=True)
class Settings:
    """group: of multicast, None: there is none. interface: of the group, "": to be found out."""

    port: int
    group: Address | None = None
    peers: tuple[Address, ...] = ()
    interface: str = ""
    ttl: int = TTL


@dataclass(frozen=True)
class Group:
    """Where the group is joined, and with which address datagrams to it are sent."""

    address: str
    ifindex: int
    source: str
    ttl: int


@dataclass(frozen=True)
class Wanted:
    """For the process. node: its number. listen: this host's addresses. peers: address, and this host's
    toward it. mtu: the most that passes. secrets: the one to sign by, and the other one."""

    node: int
    port: int
    pin_dir: str
    object: str
    listen: tuple[str, ...]
    peers: tuple[tuple[str, str], ...]
    group: Group | None
    mtu: int
    secrets: tuple[str, str | None] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> Wanted:
        group = raw["group"]
        return cls(
            **{
                **raw,
                "group": Group(**group) if group else None,
                "listen": tuple(raw["listen"]),
                "peers": tuple((peer, source) for peer, source in raw["peers"]),
                "secrets": (raw["secrets"][0], raw["secrets"][1]),
            }
        )


def settings_of(options: Mapping[str, Any]) -> Settings | None:
    """Of a document's `options`; None: it asks for no sharing. Raises Vc5Error."""
    raw = options.get("sharing") or {}
    text = options.get("multicast")
    try:
        group, port = _group(str(text)) if text else (None, PORT)
        peers = tuple(ipaddress.ip_address(each) for each in raw.get("peers", ()))
        settings = Settings(
            int(raw.get("port", port)), group, peers, str(raw.get("interface", "")), int(raw.get("ttl", TTL))
        )
    except (ValueError, TypeError, AttributeError) as failure:
        raise Vc5Error(f"`multicast` or `sharing` cannot be used: {failure}", _HINT) from None
    if group is None and not peers:
        return None
    if not 0 < settings.port < 1 << 16 or not 0 < settings.ttl < 1 << 8:
        raise Vc5Error(f"flows cannot be shared by port {settings.port} with TTL {settings.ttl}", _HINT)
    return settings


def _group(text: str) -> tuple[Address, int]:
    """The port may be left out."""
    try:
        address, port = ipaddress.ip_address(text.strip("[]")), PORT
    except ValueError:
        host, _, number = text.rpartition(":")
        address, port = ipaddress.ip_address(host.strip("[]")), int(number)
    if not address.is_multicast:
        raise ValueError(f"{address} is no multicast address")
    return address, port
