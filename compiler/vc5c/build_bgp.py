"""BGP peers from the tree: a peer's own options win over its group's, a group's over those of `bgp`."""

from __future__ import annotations

from typing import Any

from vc5c import words
from vc5c.addresses import Address, read_address, read_prefix
from vc5c.fields import Fields, entries, items
from vc5c.model import Peer
from vc5c.problems import Place, Problems, did_you_mean
from vc5c.tree import Mapping, Node, Scalar, Sequence

NUMBERS = ("as_number", "peer_as", "hold_time", "local_pref", "med")
SWITCHES = ("bfd", "multihop")
ANY = "any"


def build_peers(tree: Mapping, problems: Problems) -> tuple[Peer, ...]:
    """Every peer of `bgp`, in the order of their addresses."""
    return _PeerBuilder(tree, problems).build()


class _PeerBuilder:
    def __init__(self, tree: Mapping, problems: Problems) -> None:
        self.problems = problems
        self.bgp = tree.get("bgp")
        self.prefixes = {key.text: node for key, node in entries(tree.get("prefixes"))}
        self.used: set[str] = set()
        self.keys = {key.text: key for key, _ in entries(tree.get("prefixes"))}
        self.peers: dict[Address, Peer] = {}

    def build(self) -> tuple[Peer, ...]:
        common = self._options(self.bgp)
        self._add_peers(Fields(self.bgp).node("peers"), common)
        for group in items(Fields(self.bgp).node("groups")):
            # VC5 writes both lists for the peers of a group, empty or not.
            options = {"accept": (), "reject": ()} | common | self._options(group)
            self._add_peers(Fields(group).node("peers"), options)
        for name in self.prefixes.keys() - self.used:
            key = self.keys[name]
            self.problems.warning("unused", f"no BGP filter uses `{name}` of `prefixes`", key.place)
        return tuple(self.peers[address] for address in sorted(self.peers, key=lambda address: address.order))

    def _add_peers(self, node: Node | None, options: dict[str, Any]) -> None:
        if isinstance(node, Sequence):
            named: list[tuple[Scalar, Node | None]] = [(i, None) for i in node.items if isinstance(i, Scalar)]
        else:
            named = list(entries(node))
        for word, own in named:
            self._add_peer(word, options | self._options(own))

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
        options |= {key: self._address(fields.node(key)) for key in ("source_ip", "next_hop_6")}
        options |= {key: self._filter(fields.words(key)) for key in ("accept", "reject")}
        options["communities"] = self._communities(fields.words("communities"))
        return {key: value for key, value in options.items() if value is not None}

    def _address(self, node: Node | None) -> str | None:
        if not isinstance(node, Scalar):
            return None
        address = read_address(node.text)
        if address is None:
            self.problems.error("bad-address", f"`{node.text}` is not an IP address", node.place)
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
        prefixes: list[str] = []
        for word in listed:
            if word.text in self.prefixes:
                self.used.add(word.text)
                inner = [item for item in items(self.prefixes[word.text]) if isinstance(item, Scalar)]
                prefixes += [item.text for item in inner if self._is_prefix(item.text, item.place)]
            elif word.text == ANY or self._is_prefix(word.text, word.place):
                prefixes.append(word.text)
        return tuple(prefixes)

    def _is_prefix(self, text: str, place: Place) -> bool:
        if read_prefix(text) is not None:
            return True
        near = did_you_mean(text, [*self.prefixes, ANY])
        message = f"`{text}` is neither a prefix nor a name under `prefixes`{near}"
        self.problems.error("unknown-prefixes", message, place)
        return False
