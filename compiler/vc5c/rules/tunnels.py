"""Rules about tunnels to reals in other networks."""

from __future__ import annotations

from vc5c.addresses import Address
from vc5c.cascade import Case, tunnelled
from vc5c.problems import Place
from vc5c.rules import FIRST, Whole
from vc5c.tunnels import LEAST_MTU6, UDP, kind_of, room

NEEDS = {"tunnel-port": UDP, "tunnel-dscp": ("dscp",)}
ENCAPSULATED = ("ipip", "gre", "fou", "gue")


def tunnels_are_whole(whole: Whole) -> None:
    """What a kind of tunnel cannot do without, and what has no effect with it. Said once per place."""
    for case in _once(whole):
        settings, kind = case.settings, kind_of(case.settings)
        assert settings.tunnel_type
        for key, kinds in NEEDS.items():
            if kind in kinds and key not in settings.places:
                example = "6080" if key == "tunnel-port" else "1"
                message = f"`tunnel-type: {kind}` needs `{key}`"
                hint = f"{key}: {example}, as the reals expect it"
                whole.problems.error("tunnel-needs", message, settings.tunnel_type.place, hint=hint)


def tunnel_settings_have_effect(whole: Whole) -> None:
    effects = {**NEEDS, "tunnel-mtu": ENCAPSULATED, "mss-clamp": ENCAPSULATED}
    told: set[Place] = set()
    for case in whole.cases:
        kind = kind_of(case.settings)
        for key, kinds in effects.items():
            place = case.settings.places.get(key)
            if place and place not in told and not _used(whole, place, key, kinds):
                told.add(place)
                message = f"`{key}` has no effect with `tunnel-type: {kind}`"
                hint = f"it is for {', '.join(kinds)}"
                whole.problems.warning("tunnel-no-effect", message, place, hint=hint)


def tunnels_told_apart(whole: Whole) -> None:
    """A real knows by the DSCP which VIP was meant, and by FOU's port which family is inside."""
    seen: dict[tuple[Address, str, int], tuple[Address | int, Place]] = {}
    for case in whole.cases:
        kind = kind_of(case.settings)
        key = {"dscp": "tunnel-dscp", "fou": "tunnel-port"}.get(kind)
        number = case.settings.tunnel_dscp if kind == "dscp" else case.settings.tunnel_port
        if key is None or number is None:
            continue
        place = case.settings.places[key]
        for vip in case.service.vips:
            meant = vip.address if kind == "dscp" else vip.address.version
            for server in case.servers:
                known, first = seen.setdefault((server.address, kind, number), (meant, place))
                if known != meant:
                    what = f"the VIP {known}" if kind == "dscp" else f"IPv{known} VIPs"
                    message = f"`{key}: {number}` means {what} to {server.address} already, not {vip.address}"
                    notes = [(FIRST, first)] if first != place else []
                    hint = "another number for each, in services of their own"
                    whole.problems.error("tunnel-ambiguous", message, vip.place, *notes, hint=hint)


def ipv6_fits(whole: Whole) -> None:
    """IPv6 hosts send packets of 1280 bytes whatever they are told."""
    for case in _once(whole):
        six = next((vip for vip in case.service.vips if vip.address.version == 6), None)
        reals = tuple(server.address for server in case.servers)
        if six and (fits := room(case.settings, reals)) < LEAST_MTU6:
            place = case.settings.places.get("tunnel-mtu", six.place)
            message = f"only {fits} bytes fit into the tunnel, and IPv6 needs {LEAST_MTU6}"
            hint = f"an MTU of at least {(case.settings.tunnel_mtu or 0) + LEAST_MTU6 - fits} on the way"
            whole.problems.warning("tunnel-too-small", message, place, hint=hint)


def _once(whole: Whole) -> list[Case]:
    """A case for each place of a tunnel's type."""
    cases = {case.settings.tunnel_type.place: case for case in whole.cases if _is_tunnel(case)}  # type: ignore[union-attr]
    return list(cases.values())


def _is_tunnel(case: Case) -> bool:
    return tunnelled(case.settings)


def _used(whole: Whole, place: Place, key: str, kinds: tuple[str, ...]) -> bool:
    return any(
        case.settings.places.get(key) == place and kind_of(case.settings) in kinds for case in whole.cases
    )
