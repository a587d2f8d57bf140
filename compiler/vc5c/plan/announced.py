"""Which VIPs the peers would hear of, as far as documents can say: health has its own word at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vc5c.addresses import Address, read_prefix
from vc5c.documents import Document, Service


def silent(document: Document) -> dict[str, str]:
    """The document's VIPs that are not announced, whatever their health, and why. A document without
    peers is announced by other means: nothing of that is known here."""
    reasons: dict[str, str] = {}
    services: dict[Address, list[Service]] = {}
    for service in document.services.values():
        services.setdefault(service.vip, []).append(service)
    for vip, its in services.items():
        reason = _of_services(its) or _of_peers(vip, document.bgp)
        if reason:
            reasons[vip.text] = reason
    return reasons


def _of_services(services: Iterable[Service]) -> str:
    for service in services:
        if service.withdrawn:
            return "it is written with a `*`"
        if service.need > service.enabled:
            return f"{service.name} needs {service.need} reals, and has {service.enabled} enabled"
    return ""


def _of_peers(vip: Address, peers: Mapping[str, Mapping[str, Any]]) -> str:
    if peers and not any(hears(peer, options, vip) for peer, options in peers.items()):
        return "no BGP peer accepts it"
    return ""


def hears(peer: str, options: Mapping[str, Any], vip: Address) -> bool:
    """Whether a peer's filters let a VIP pass: what `accept` has does; of the rest, what `reject` has does
    not; the rest does. An IPv6 peer hears of no IPv4 VIPs; an IPv4 one may of IPv6 ones, if its load balancer
    has an IPv6 address for it (`next_hop_6` or --source)."""
    if ":" in peer and vip.version == 4:
        return False
    return _has(options.get("accept"), vip) or not _has(options.get("reject"), vip)


def _has(prefixes: Iterable[str] | None, vip: Address) -> bool:
    for text in prefixes or ():
        prefix = read_prefix(text)
        if prefix and vip in prefix:
            return True
    return False
