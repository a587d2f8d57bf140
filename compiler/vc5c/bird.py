"""BIRD 2's configuration, from the `bgp` section: what announces the VIPs that vc5d finds healthy.

vc5d puts a route per healthy VIP into a kernel table of its own; BIRD learns them from there and exports them
by BGP. Router id and source addresses are the host's, so they are given on the command line and not in YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vc5c.addresses import read_address, read_prefix
from vc5c.model import Config, Peer, RouteOptions
from vc5c.problems import Place, Problems
from vc5c.vlans import VlanFinder
from vc5c.words import read_community, read_prefix_words

KERNEL_TABLE = 205
PROTO_ANNOUNCE = 205  # the protocol of vc5d's routes …
PROTO_GRACEFUL = 206  # … and of those that are on their way out: GRACEFUL_SHUTDOWN (RFC 8326)


@dataclass(frozen=True)
class BirdOptions:
    """What belongs to the host. sources: its addresses towards the peers, of each family one per network.
    passwords: by peer, a file of the host that has the session's; a secret itself never comes here.
    """

    router_id: str | None
    sources: tuple[str, ...]
    bfd_interval_ms: int = 100
    bfd_multiplier: int = 5
    passwords: Mapping[str, str] = field(default_factory=dict)


def render_bird(config: Config, options: BirdOptions, problems: Problems) -> Iterator[str]:
    """The text of bird.conf. Raises Rejected if something is missing."""
    start = Place(1, 1)
    if options.router_id is None:
        problems.error(
            "bird-router-id", "a router id is needed", start, hint="--router-id ADDRESS: this host's own"
        )
    host = _Host(config, options, problems)
    peers = [host.peer(peer) for peer in config.peers]
    if not peers:
        problems.error("bird-no-peers", "`bgp` has no peers", start)
    for stranger in options.passwords.keys() - {peer["address"] for peer in peers}:
        hint = "--password PEER=FILE, with a peer's address as `bgp` has it"
        problems.error("bird-password", f"a password for {stranger}, which is no peer", start, hint=hint)
    problems.stop_on_errors()
    families = sorted({channel["family"] for peer in peers for channel in peer["channels"]})
    _report_unannounced(config, families, problems)
    # No HTML, so no escaping: every value is a number or an address that was parsed.
    environment = Environment(
        loader=PackageLoader("vc5c"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,  # noqa: S701
    )  # fmt: skip
    template = environment.get_template("bird.conf.j2")
    return iter([template.render(
        router_id=options.router_id, table=KERNEL_TABLE, announce=PROTO_ANNOUNCE, graceful=PROTO_GRACEFUL,
        bfd_interval=options.bfd_interval_ms, bfd_multiplier=options.bfd_multiplier,
        families=families, peers=peers,
    )])  # fmt: skip


def _report_unannounced(config: Config, families: list[str], problems: Problems) -> None:
    """VIPs of a family that no session carries."""
    for family in ("ipv4", "ipv6"):
        vips = (v for s in config.services for v in s.vips if f"ipv{v.address.version}" == family)
        vip = next(vips, None)
        if vip is not None and family not in families:
            hint = "an IPv4 peer" if family == "ipv4" else "an IPv6 peer, `next_hop_6`, or an IPv6 --source"
            message = f"no peer is told of IPv{vip.address.version} VIPs such as {vip.address}"
            problems.warning("bird-family", message, vip.place, hint=hint)


class _Host:
    """What a template needs to know of each peer, on one host."""

    def __init__(self, config: Config, options: BirdOptions, problems: Problems) -> None:
        self.config = config
        self.problems = problems
        self._passwords = options.passwords
        self.sources = [address for text in options.sources if (address := read_address(text))]
        vips = (vip.address for service in config.services for vip in service.vips)
        only_4 = all(peer.address.version == 4 for peer in config.peers)
        self.carries_6_over_4 = only_4 and any(vip.version == 6 for vip in vips)

    def peer(self, peer: Peer) -> dict[str, Any]:
        if peer.address.link_local:
            hint = "give the peer's global address"
            message = f"{peer.address} is link-local: it means another host on every interface"
            self.problems.error("bird-link-local", message, peer.place, hint=hint)
        next_hops: dict[str, str | None] = {f"ipv{peer.address.version}": None}
        if peer.address.version == 4 and (next_hop_6 := self._next_hop_6(peer)):
            next_hops["ipv6"] = next_hop_6
        name = f"peer_{peer.address}".replace(".", "_").replace(":", "_")
        return {
            "name": name,
            "address": str(peer.address),
            "source": self._source(peer),
            "as_number": peer.as_number,
            "peer_as": peer.peer_as or peer.as_number,
            "internal": peer.internal,
            "multihop": bool(peer.multihop),
            "hold_time": peer.hold_time,
            "password_file": self._passwords.get(str(peer.address)),
            "bfd": peer.bfd is not False,
            "own": _attributes(peer, peer.internal),
            "channels": [_channel(peer, family, next_hop) for family, next_hop in next_hops.items()],
        }

    def _next_hop_6(self, peer: Peer) -> str | None:
        """Of IPv6 routes over an IPv4 session: configured, or this host's, if IPv6 VIPs have no other way."""
        if peer.next_hop_6 is not None:
            return peer.next_hop_6
        sources = [source for source in self.sources if source.version == 6]
        if not self.carries_6_over_4:
            return None
        vlan = VlanFinder(self.config.vlans).of(peer.address)
        beside = [six.prefix for six in self.config.vlans6 if vlan is not None and six.id == vlan.id]
        near = [source for source in sources if any(source in prefix for prefix in beside)]
        return str((near or sources)[0]) if near or len(sources) == 1 else None

    def _source(self, peer: Peer) -> str:
        """The peer's own source_ip; else the given address in its VLAN; else, if the peer is in none or
        is not spoken to directly, the only one given. All of the peer's address family.
        """
        version = peer.address.version
        if peer.source_ip is not None and (own := read_address(peer.source_ip)) and own.version == version:
            return peer.source_ip
        sources = [source for source in self.sources if source.version == version]
        vlan = VlanFinder(self.config.vlans + self.config.vlans6).of(peer.address)
        near = [source for source in sources if vlan is not None and source in vlan.prefix]
        if near or (len(sources) == 1 and (vlan is None or peer.multihop)):
            return str((near or sources)[0])
        wanted = f" in VLAN {vlan.id} ({vlan.written})" if vlan else ""
        hint = f"--source ADDRESS: this host's own, IPv{version}, once per network that has peers"
        message = f"no source address{wanted} for the peer {peer.address}"
        self.problems.error("bird-source", message, peer.place, hint=hint)
        return ""


def _channel(peer: Peer, family: str, next_hop: str | None) -> dict[str, Any]:
    version = int(family[-1])
    vips = [vip for vip in (peer.vips or {}).values() if vip.prefix.version == version]
    routes = [
        {"pattern": f"{vip.prefix.text}+", "statements": statements}
        # The longest prefix comes last, so that it has the last word.
        for vip in sorted(vips, key=lambda vip: (-(vip.prefix.last - vip.prefix.first), vip.prefix.first))
        if (statements := _attributes(vip, peer.internal))
    ]
    return {
        "family": family,
        "next_hop": next_hop,
        "accept": _patterns(peer.accept, version),
        "reject": _patterns(peer.reject, version),
        "routes": routes,
    }


def _attributes(given: Peer | RouteOptions, internal: bool) -> list[str]:
    """Statements that set what is announced with a route. An external peer knows no local preference."""
    communities = [read_community(text) or () for text in given.communities or ()]
    statements = [
        f"bgp_{'large_' * (len(c) == 3)}community.add(({', '.join(str(number) for number in c)}))"
        for c in sorted(communities, key=len)
    ]
    if given.med is not None:
        statements.append(f"bgp_med = {given.med}")
    if given.local_pref is not None and internal:
        statements.append(f"bgp_local_pref = {given.local_pref}")
    return statements


def _patterns(written: tuple[str, ...] | None, version: int) -> list[str]:
    """BIRD's patterns: each prefix with all that is inside it. `any` is everything."""
    texts = read_prefix_words(written or ())
    networks = [network for text in texts if (network := read_prefix(text)) and network.version == version]
    return [f"{network.text}+" for network in networks]
