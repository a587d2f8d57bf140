"""VLANs, neighbors and block lists from the tree."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from vc5c.addresses import Address, read_address, read_prefix
from vc5c.build_prefixes import PrefixLists
from vc5c.fields import Fields, entries, items
from vc5c.model import At, Vlan
from vc5c.problems import Problems
from vc5c.tree import Node, Scalar, Sequence

FILE = "file"  # among `neighbors`: where more of them are
ALWAYS = 5  # the level of block lists that are in force at every `defcon`


def build_vlans(node: Node | None, version: int, problems: Problems) -> tuple[Vlan, ...]:
    vlans = []
    for number, prefix in entries(node):
        assert isinstance(prefix, Scalar)
        network = read_prefix(prefix.text)
        if network is None or network.version != version or "/" not in prefix.text:
            message = f"`{prefix.text}` is not an IPv{version} prefix"
            hint = "such as 10.1.10.0/24" if version == 4 else "such as 2001:db8:10::/64"
            problems.error("bad-prefix", message, prefix.place, hint=hint)
        else:
            vlans.append(Vlan(int(number.text), prefix.text, network, prefix.place))
    return tuple(sorted(vlans, key=lambda vlan: vlan.id))


def build_neighbors(node: Node | None, problems: Problems) -> dict[Address, At[str | None]]:
    neighbors = {}
    for key, mac in entries(node):
        if key.text == FILE:
            continue
        assert isinstance(mac, Scalar)
        address = read_address(key.text)
        if address is None:
            problems.error("bad-address", f"`{key.text}` is not an IP address", key.place)
        else:
            neighbors[address] = At(mac.text.lower() if mac.value is not None else None, key.place)
    return neighbors


def build_neighbors_file(node: Node | None) -> At[str] | None:
    word = Fields(node).node(FILE)
    return At(word.text, word.place) if isinstance(word, Scalar) else None


def build_block(node: Node | None, lists: PrefixLists, problems: Problems) -> dict[str, list[str]]:
    """Level to its source prefixes as the document has them: sorted, none inside another."""
    levels = [(str(ALWAYS), node)] if isinstance(node, Sequence) else [(k.text, v) for k, v in entries(node)]
    return {level: _blocked(listed, lists, problems) for level, listed in levels if items(listed)}


def _blocked(node: Node, lists: PrefixLists, problems: Problems) -> list[str]:
    words = [prefix for word in items(node) if isinstance(word, Scalar) for prefix in lists.read(word)]
    prefixes = [(word, prefix) for word in words if (prefix := read_prefix(word.text))]
    for word, prefix in prefixes:
        if _has_host_part(word.text):
            message = f"`{word.text}` blocks more than it says"
            problems.error("bad-prefix", message, word.place, hint=f"write {prefix.text}")
    networks = {prefix.text for _, prefix in prefixes}
    four = collapse_addresses(IPv4Network(text) for text in networks if ":" not in text)
    six = collapse_addresses(IPv6Network(text) for text in networks if ":" in text)
    return [str(network) for network in (*four, *six)]


def _has_host_part(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return True
    return False
