"""BIRD 2's configuration, from the `bgp` section: what announces the VIPs that vc5d finds healthy.

vc5d puts a route per healthy VIP into a kernel table of its own; BIRD learns them from there and exports them
by BGP. Router id and source address are the host's, so they are given on the command line and not in YAML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vc5c.addresses import read_address, read_prefix
from vc5c.model import Config, Peer
from vc5c.problems import Place, Problems
from vc5c.resolve import vlan_of
from vc5c.words import read_community, read_prefix_words

KERNEL_TABLE = 205
PROTO_ANNOUNCE = 205  # the protocol of vc5d's routes …
PROTO_GRACEFUL = 206  # … and of those that are on their way out: GRACEFUL_SHUTDOWN (RFC 8326)


@dataclass(frozen=True)
class BirdOptions:
    """What belongs to the host. sources: its addresses towards the peers, one per network."""

    router_id: str | None
    sources: tuple[str, ...]
    bfd_interval_ms: int = 100
    bfd_multiplier: int = 5


def render_bird(config: Config, options: BirdOptions, problems: Problems) -> Iterator[str]:
    """The text of bird.conf. Raises Rejected if something is missing."""
    start = Place(1, 1)
    if options.router_id is None:
        problems.error(
            "bird-router-id", "a router id is needed", start, hint="--router-id ADDRESS: this host's own"
        )
    peers = [_peer(peer, config, options, problems) for peer in config.peers if peer.address.version == 4]
    if not peers:
        problems.error("bird-no-peers", "`bgp` has no IPv4 peer", start)
    problems.stop_on_errors()
    # No HTML, so no escaping: every value is a number or an address that was parsed.
    environment = Environment(
        loader=PackageLoader("vc5c"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,  # noqa: S701
    )  # fmt: skip
    template = environment.get_template("bird.conf.j2")
    return iter([template.render(
        router_id=options.router_id, table=KERNEL_TABLE, announce=PROTO_ANNOUNCE, graceful=PROTO_GRACEFUL,
        bfd_interval=options.bfd_interval_ms, bfd_multiplier=options.bfd_multiplier, peers=peers,
    )])  # fmt: skip


def _peer(peer: Peer, config: Config, options: BirdOptions, problems: Problems) -> dict[str, Any]:
    communities = [read_community(text) or () for text in peer.communities or ()]
    return {
        "name": f"peer_{peer.address}".replace(".", "_"),
        "address": str(peer.address),
        "source": _source(peer, config, options, problems),
        "as_number": peer.as_number,
        "peer_as": peer.peer_as or peer.as_number,
        "internal": peer.internal,
        "multihop": bool(peer.multihop),
        "hold_time": peer.hold_time,
        "bfd": peer.bfd is not False,
        "med": peer.med,
        "local_pref": peer.local_pref if peer.internal else None,
        "communities": [community for community in communities if len(community) == 2],
        "large_communities": [community for community in communities if len(community) == 3],
        "accept": _prefixes(peer.accept),
        "reject": _prefixes(peer.reject),
    }


def _source(peer: Peer, config: Config, options: BirdOptions, problems: Problems) -> str:
    """The peer's own source_ip; else the given address in the peer's VLAN; else, if the peer is in none or is
    not spoken to directly, the only one given."""
    if peer.source_ip is not None:
        return peer.source_ip
    sources = [
        address for text in options.sources if (address := read_address(text)) and address.version == 4
    ]
    vlan = vlan_of(peer.address, config.vlans)
    near = [source for source in sources if vlan is not None and source in vlan.prefix]
    if near or (len(sources) == 1 and (vlan is None or peer.multihop)):
        return str((near or sources)[0])
    wanted = f" in VLAN {vlan.id} ({vlan.written})" if vlan else ""
    hint = "--source ADDRESS: this host's own, once per network that has peers"
    problems.error(
        "bird-source", f"no source address{wanted} for the peer {peer.address}", peer.place, hint=hint
    )
    return ""


def _prefixes(written: tuple[str, ...] | None) -> list[str]:
    """BIRD's patterns: each prefix with all that is inside it. `any` is everything."""
    texts = read_prefix_words(written or ())
    networks = [network for text in texts if (network := read_prefix(text)) and network.version == 4]
    return [f"{network.text}+" for network in networks]
