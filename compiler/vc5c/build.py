"""Located tree to Config: reads the words, resolves the names of lists and policies.

The schema has accepted the tree's shape. What is found wrong here is in a single value; rules that look at
several are validate.py's.
"""

from __future__ import annotations

from typing import Any

from vc5c.build_bgp import build_peers
from vc5c.build_network import build_block, build_neighbors, build_neighbors_file, build_vlans
from vc5c.build_prefixes import PrefixLists
from vc5c.build_services import ServiceBuilder
from vc5c.build_sharing import build_sharing
from vc5c.fields import Fields, entries, items
from vc5c.model import Config
from vc5c.problems import Problems
from vc5c.tree import Mapping, Node, Scalar, Sequence

DEFAULT_FLOW_LIFETIME = 900
PASSED_ON = ("address", "host_id", "interfaces", "multicast", "webroot", "webserver")  # as text
SWITCHES = ("native", "untagged")


def build(tree: Mapping, problems: Problems) -> Config:
    """The Config of a whole tree. Raises Rejected."""
    top, lists, services = Fields(tree), PrefixLists(tree, problems), ServiceBuilder(tree, problems)
    seed = top.at("seed")
    config = Config(
        services=tuple(services.service(node) for node in items(top.node("services"))),
        vlans=build_vlans(tree.get("vlans"), 4, problems),
        vlans6=build_vlans(tree.get("vlans6"), 6, problems),
        peers=build_peers(tree, lists, problems),
        neighbors=build_neighbors(tree.get("neighbors"), problems),
        seed=seed.value if seed else 0,
        flow_lifetime=top.whole("flow_lifetime") or DEFAULT_FLOW_LIFETIME,
        scheduler=top.at("scheduler"),
        neighbors_file=build_neighbors_file(tree.get("neighbors")),
        passed_on=_passed_on(tree) | _block(tree, lists, problems) | _sharing(tree, problems),
        places=top.places(),
    )
    services.unused()
    lists.unused()
    problems.stop_on_errors()
    return config


def _block(tree: Mapping, lists: PrefixLists, problems: Problems) -> dict[str, Any]:
    block = build_block(tree.get("block"), lists, problems)
    return {"block": block} if block else {}


def _sharing(tree: Mapping, problems: Problems) -> dict[str, Any]:
    sharing = build_sharing(tree.get("sharing"), problems)
    return {"sharing": sharing} if sharing else {}


def _passed_on(tree: Mapping) -> dict[str, Any]:
    """Keys for the daemon alone, as VC5 writes them; `learn` and `listen` move up from `bgp`."""
    top, bgp = Fields(tree), Fields(tree.get("bgp"))
    passed = {key: _text(node) for key in PASSED_ON if (node := top.node(key)) is not None}
    passed |= {key: top.boolean(key) for key in SWITCHES if top.node(key) is not None}
    passed |= {key: top.whole(key) for key in ("defcon", "learn") if top.node(key) is not None}
    if bgp.whole("learn"):
        passed["learn"] = bgp.whole("learn")
    if bgp.boolean("listen"):
        passed["listen"] = True
    if (logging := top.node("logging")) is not None:
        own = Fields(logging)
        passed["logging"] = {key.text: _text(node) for key, node in entries(logging)}
        # VC5 writes these two always, and as what they are.
        passed["logging"] |= {"alert": own.whole("alert") or 0, "syslog": bool(own.boolean("syslog"))}
    return passed


def _text(node: Node) -> Any:
    """As VC5 writes a value that it does not look at: numbers as text; but booleans as booleans."""
    if isinstance(node, Sequence):
        return [_text(item) for item in node.items]
    if isinstance(node, Scalar):
        return node.value if node.value is None or isinstance(node.value, bool) else node.text
    return {key.text: _text(value) for key, value in entries(node)}
