"""Rules about BGP: what peers will make of what is announced to them."""

from __future__ import annotations

from vc5c.addresses import Address, read_prefix
from vc5c.model import Peer
from vc5c.rules import Whole

RESERVED = {0, 23456, 65535, 4294967295}  # RFC 7607, 6793, 7300
PRIVATE = (range(64512, 65535), range(4200000000, 4294967295))  # RFC 6996
DOCUMENTATION = (range(64496, 64512), range(65536, 65552))  # RFC 5398


def somebody_told(whole: Whole) -> None:
    if whole.config.services and not whole.config.peers:
        message = "no BGP peer: nobody is told of the VIPs, unless by other means"
        whole.problems.note("no-peers", message, whole.config.services[0].place)


def filters_let_vips_pass(whole: Whole) -> None:
    vips = {vip.address: vip.place for service in whole.config.services for vip in service.vips}
    for peer in whole.config.peers:
        announced = [vip for vip in vips if _announced(vip, peer)]
        if vips and not announced:
            message = f"the filters of the peer {peer.address} reject every VIP"
            hint = "put the VIPs' prefixes into `accept`"
            whole.problems.warning("rejects-all", message, peer.place, hint=hint)
        beyond = [vip for vip in announced if not _in(vip, peer.accept)]
        if peer.accept and not peer.reject and beyond:
            message = f"{beyond[0]} is announced to {peer.address} too, though `accept` does not have it"
            note = ("the VIP is here", vips[beyond[0]])
            hint = (
                "`accept` alone limits nothing: add `reject: [any]`, if only what it has is to be announced"
            )
            whole.problems.warning("accept-limits-nothing", message, peer.place, note, hint=hint)


def _announced(vip: Address, peer: Peer) -> bool:
    """What `accept` has is announced; of the rest, what `reject` has is not; the rest is."""
    return _in(vip, peer.accept) or not _in(vip, peer.reject)


def _in(vip: Address, written: tuple[str, ...] | None) -> bool:
    return any(text == "any" or ((prefix := read_prefix(text)) and vip in prefix) for text in written or ())


def as_numbers_usable(whole: Whole) -> None:
    for peer in whole.config.peers:
        numbers = [number for number in (peer.as_number, peer.peer_as) if number is not None]
        reserved = [number for number in numbers if number in RESERVED]
        if reserved:
            message = f"AS {reserved[0]} is reserved: routers refuse it"
            whole.problems.warning("reserved-as", message, peer.place)
        elif not peer.internal and _is_private(peer.as_number) and not _is_private(peer.peer_as or 0):
            message = f"the private AS {peer.as_number} announces to the public AS {peer.peer_as}"
            whole.problems.note("private-as", message, peer.place)


def _is_private(number: int) -> bool:
    """Or one for documentation, which is nobody's either."""
    return any(number in numbers for numbers in (*PRIVATE, *DOCUMENTATION))


def options_reach_the_peer(whole: Whole) -> None:
    for peer in whole.config.peers:
        if peer.local_pref is not None and not peer.internal:
            message = f"`local_pref` is not sent to {peer.address}, which is another AS's"
            hint = "`med` or `communities` are"
            whole.problems.warning("external-local-pref", message, peer.place, hint=hint)
