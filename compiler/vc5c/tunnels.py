"""Tunnels to reals in other networks: what their headers take, and the segments that fit inside."""

from __future__ import annotations

from vc5c.addresses import Address
from vc5c.model import Settings

KINDS = ("ipip", "gre", "fou", "gue", "dscp")
UDP = ("fou", "gue")
USUAL_MTU = 1500  # of Ethernet: what `mss-clamp: true` counts on where no `tunnel-mtu` is given
LEAST_MTU6 = 1280  # RFC 8200
_SHIM = {"ipip": 0, "gre": 4, "fou": 8, "gue": 12, "dscp": 0}
_IP = {4: 20, 6: 40}
_TCP = 20


def kind_of(settings: Settings) -> str:
    """`none`, or one of KINDS."""
    return settings.tunnel_type.value if settings.tunnel_type else "none"


def overhead(kind: str, reals: tuple[Address, ...]) -> int:
    """Bytes before each packet, to the real that takes most."""
    if kind in ("none", "dscp"):
        return 0
    return _SHIM[kind] + max((_IP[real.version] for real in reals), default=0)


def room(settings: Settings, reals: tuple[Address, ...]) -> int:
    """The longest packet that fits inside, as far as the configuration says."""
    return (settings.tunnel_mtu or USUAL_MTU) - overhead(kind_of(settings), reals)


def clamped_mss(settings: Settings, vip: Address, reals: tuple[Address, ...]) -> int | None:
    """What the reals are to announce as the longest TCP segment; None: what they like."""
    clamp = settings.mss_clamp.value if settings.mss_clamp else False
    if clamp is True:
        return room(settings, reals) - _IP[vip.version] - _TCP
    return int(clamp) or None
