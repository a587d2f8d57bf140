"""BGP peers from the tree: a peer's own options win over its group's, a group's over those of `bgp`."""

from __future__ import annotations

from typing import Any

from vc5c import words
from vc5c.addresses import Address, read_address, read_prefix
from vc5c.build_prefixes import PrefixLists
from vc5c.fields import Fields, entries, items
from vc5c.model import Peer, RouteOptions
from vc5c.problems import Problems
from vc5c.tree import Mapping, Node, Scalar, Sequence

NUMBERS = ("as_number", "peer_as", "hold_time", "local_pref", "med")
SWITCHES = ("bfd", "multihop")
ANY = "any"


def build_peers(tree: Mapping, lists: PrefixLists, problems: Problems) -> tuple[Peer, ...]:
    """Every peer of `bgp`, in the order of their addresses."""
    return _PeerBuilder(tree, lists, problems).build()


class _PeerBuilder:
    def __init__(self, tree: Mapping, lists: PrefixLists, problems: Problems) -> None:
        self.problems = problems
        self.bgp = tree.get("bgp")
        self.lists = lists
        self.peers: dict[Address, Peer] = {}

    def build(self) -> tuple[Peer, ...]:
        common = self._options(self.bgp)
        self._add_peers(Fields(self.bgp).node("peers"), common)
        for group in items(Fields(self.bgp).node("groups")):
            # VC5 writes both lists for the peers of a group, empty or not.
            options = _inherit({"accept": (), "reject": ()} | common, self._options(group))
            self._add_peers(Fields(group).node("peers"), options)
        return tuple(self.peers[address] for address in sorted(self.peers, key=lambda address: address.order))

    def _add_peers(self, node: Node | None, options: dict[str, Any]) -> None:
        if isinstance(node, Sequence):
            named: list[tuple[Scalar, Node | None]] = [(i, None) for i in node.items if isinstance(i, Scalar)]
        else:
            named = list(entries(node))
        for word, own in named:
            self._add_peer(word, _inherit(options, self._options(own)))

    def _add_peer(self, word: Scalar, options: dict[str, Any]) -> None:
        address = read_address(word.text)
        if address is None:
            self.problems.error("bad-address", f"`{word.text}` is not an IP address", word.place)
            return
        if address in self.peers:
            first = ("first given here", self.peers[address].place)
            self.problems.error("duplicate-peer", f"the peer {address} is given twice", word.place, first)
        if "as_number" not in options:
            hint = "give `as_number` in `bgp`, in the peer's group or with the peer"
            self.problems.error("bgp-no-as", f"no AS number for the peer {address}", word.place, hint=hint)
            options = options | {"as_number": 0}
        self.peers[address] = Peer(address, word.place, **options)

    def _options(self, node: Node | None) -> dict[str, Any]:
        """Only what is given, by the names of Peer's fields."""
        fields = Fields(node)
        options: dict[str, Any] = {key: fields.whole(key) for key in NUMBERS}
        options |= {key: fields.boolean(key) for key in SWITCHES}
        options["source_ip"] = self._address(fields.node("source_ip"), 4, 6)
        options["next_hop_6"] = self._address(fields.node("next_hop_6"), 6)
        options |= {key: self._filter(fields.words(key)) for key in ("accept", "reject")}
        options["communities"] = self._communities(fields.words("communities"))
        options["vips"] = self._vips(fields.node("vips"))
        return {key: value for key, value in options.items() if value is not None}

    def _address(self, node: Node | None, *versions: int) -> str | None:
        if not isinstance(node, Scalar):
            return None
        address = read_address(node.text)
        if address is None or address.version not in versions:
            kind = "IP" if len(versions) > 1 else f"IPv{versions[0]}"
            self.problems.error("bad-address", f"`{node.text}` is not an {kind} address", node.place)
        return None if address is None else str(address)

    def _communities(self, listed: tuple[Scalar, ...] | None) -> tuple[str, ...] | None:
        for word in listed or ():
            if words.read_community(word.text) is None:
                hint = "65000:100 (two numbers up to 65535) or 65000:1:2 (a large one)"
                self.problems.error(
                    "bad-community", f"`{word.text}` is no BGP community", word.place, hint=hint
                )
        return None if listed is None else tuple(word.text for word in listed)

    def _filter(self, listed: tuple[Scalar, ...] | None) -> tuple[str, ...] | None:
        if listed is None:
            return None
        return tuple(prefix.text for word in listed for prefix in self.lists.read(word, also=[ANY]))

    def _vips(self, node: Node | None) -> dict[str, RouteOptions] | None:
        """Options for some VIPs only, by the text of the prefix that holds them."""
        vips = {}
        for key, value in entries(node):
            fields = Fields(value)
            for word in self.lists.read(key):
                prefix = read_prefix(word.text)
                assert prefix is not None
                communities = self._communities(fields.words("communities"))
                vips[prefix.text] = RouteOptions(
                    prefix, key.place, communities, fields.whole("med"), fields.whole("local_pref")
                )
        return vips or None


def _inherit(options: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Own options win over inherited ones; those for some VIPs, prefix by prefix."""
    both = options.get("vips", {}) | own.get("vips", {})
    return options | own | ({"vips": both} if both else {})
