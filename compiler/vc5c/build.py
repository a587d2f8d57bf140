"""Located tree to Config: reads the words, resolves the names of lists and policies.

The schema has accepted the tree's shape. What is found wrong here is in a single value; rules that look at
several are validate.py's.
"""

from __future__ import annotations

from vc5c.addresses import Address, hint_at_zeros, read_address, read_prefix
from vc5c.build_bgp import build_peers
from vc5c.build_settings import build_check, build_settings
from vc5c.fields import Fields, entries, items
from vc5c.model import At, Config, Policy, Server, Service, Vip, Vlan
from vc5c.policies import KNOWN_NAMES, read_policy_name
from vc5c.problems import Problems, did_you_mean
from vc5c.tree import Mapping, Node, Scalar, Sequence

DEFAULT_FLOW_LIFETIME = 900
PASSED_ON = (
    "address", "defcon", "host_id", "interfaces", "learn", "logging",
    "multicast", "native", "untagged", "webroot", "webserver",
)  # fmt: skip


def build(tree: Mapping, problems: Problems) -> Config:
    """The Config of a whole tree. Raises Rejected."""
    top = Fields(tree)
    builder = _Builder(tree, problems)
    config = Config(
        services=tuple(builder.service(node) for node in items(top.node("services"))),
        vlans=builder.vlans("vlans", 4),
        vlans6=builder.vlans("vlans6", 6),
        peers=build_peers(tree, problems),
        neighbors=builder.neighbors(),
        seed=top.whole("seed") or 0,
        flow_lifetime=top.whole("flow_lifetime") or DEFAULT_FLOW_LIFETIME,
        scheduler=top.at("scheduler"),
        passed_on=_passed_on(tree),
    )
    builder.unused()
    problems.stop_on_errors()
    return config


class _Builder:
    def __init__(self, tree: Mapping, problems: Problems) -> None:
        self.problems = problems
        self.tree = tree
        self.server_lists = {key.text: (key, node) for key, node in entries(tree.get("servers"))}
        self.policy_sets = {key.text: (key, node) for key, node in entries(tree.get("policy"))}
        self.used: set[tuple[str, str]] = set()
        self.known_lists: dict[str, tuple[Server, ...]] = {}

    def service(self, node: Node) -> Service:
        fields = Fields(node)
        return Service(
            vips=tuple(vip for word in fields.words("virtual") or () if (vip := self._vip(word))),
            servers=self._servers(fields.node("servers")),
            policies=self._policies(fields.node("policy")),
            settings=build_settings(node, self.problems),
            place=node.place,
        )

    def _vip(self, word: Scalar) -> Vip | None:
        address = self._address(word, "a virtual IP is one address")
        return Vip(address, word.text.endswith("*"), word.place) if address is not None else None

    def _address(self, word: Scalar, hint: str = "") -> Address | None:
        """An address with or without a `*` at its end."""
        address = read_address(word.text.removesuffix("*").strip())
        if address is None:
            hint = hint_at_zeros(word.text.removesuffix("*")) or hint
            self.problems.error("bad-address", f"`{word.text}` is not an IP address", word.place, hint=hint)
        return address

    def _servers(self, node: Node | None) -> tuple[Server, ...]:
        """From a list, or from the named list that a word refers to."""
        if isinstance(node, Sequence):
            return self._server_list(node)
        if not isinstance(node, Scalar):
            return ()
        if node.text not in self.server_lists:
            self._unknown("server list", node, set(self.server_lists), "servers")
            return ()
        self.used.add(("servers", node.text))
        if node.text not in self.known_lists:
            self.known_lists[node.text] = self._server_list(self.server_lists[node.text][1])
        return self.known_lists[node.text]

    def _server_list(self, node: Node) -> tuple[Server, ...]:
        servers: dict[Address, Server] = {}
        for word in items(node):
            if not isinstance(word, Scalar):
                continue
            address = self._address(word)
            if address is None:
                continue
            if address in servers:
                first = ("first given here", servers[address].place)
                self.problems.error(
                    "duplicate-server", f"the server {address} is given twice", word.place, first
                )
            else:
                servers[address] = Server(address, word.text.endswith("*"), word.place)
        return tuple(servers.values())

    def _policies(self, node: Node | None) -> tuple[Policy, ...]:
        if isinstance(node, Scalar):
            if node.text not in self.policy_sets:
                self._unknown("policy", node, set(self.policy_sets), "policy")
                return ()
            self.used.add(("policy", node.text))
            node = self.policy_sets[node.text][1]
        return tuple(policy for key, value in entries(node) if (policy := self._policy(key, value)))

    def _policy(self, key: Scalar, node: Node) -> Policy | None:
        name = read_policy_name(key.text.removesuffix("*"))
        if name is None:
            near = did_you_mean(key.text, KNOWN_NAMES)
            hint = "" if near else f"a policy is {', '.join(KNOWN_NAMES)}, or a port: 8080, 8080/http, 53/udp"
            self.problems.error("unknown-policy", f"unknown policy `{key.text}`{near}", key.place, hint=hint)
            return None
        fields = Fields(node)
        number = node.value if isinstance(node, Scalar) else None  # `http: 8080`
        return Policy(
            name=name,
            checked=not key.text.endswith("*"),
            settings=build_settings(node, self.problems),
            checks=tuple(build_check(check, self.problems) for check in items(fields.node("checks"))),
            servers=self._servers(fields.node("servers")) if fields.node("servers") else None,
            bind=At(number, node.place) if isinstance(number, int) else fields.at("bind"),
            place=key.place,
        )

    def _unknown(self, what: str, word: Scalar, known: set[str], key: str) -> None:
        near = did_you_mean(word.text, known)
        hint = f"define it under the top-level `{key}`" if not near else ""
        if what == "policy" and read_policy_name(word.text):
            hint = f"a service is a key, here or on a line of its own: {{{word.text}: }}"
        elif ":" in word.text:
            hint = "a colon makes a key only with a space or the line's end after it"
        self.problems.error(
            f"unknown-{what.replace(' ', '-')}",
            f"no {what} is named `{word.text}`{near}",
            word.place,
            hint=hint,
        )

    def unused(self) -> None:
        """Named lists that nothing refers to: a typing error somewhere else, more often than not."""
        for top, named in (("servers", self.server_lists), ("policy", self.policy_sets)):
            for name, (key, _node) in named.items():
                if (top, name) not in self.used:
                    self.problems.warning("unused", f"no service uses `{name}` of `{top}`", key.place)

    def vlans(self, key: str, version: int) -> tuple[Vlan, ...]:
        vlans = []
        for number, prefix in entries(self.tree.get(key)):
            assert isinstance(prefix, Scalar)
            network = read_prefix(prefix.text)
            if network is None or network.version != version or "/" not in prefix.text:
                message = f"`{prefix.text}` is not an IPv{version} prefix"
                self.problems.error(
                    "bad-prefix", message, prefix.place, hint="such as 10.1.10.0/24" if version == 4 else ""
                )
            else:
                vlans.append(Vlan(int(number.text), prefix.text, network, prefix.place))
        return tuple(sorted(vlans, key=lambda vlan: vlan.id))

    def neighbors(self) -> dict[Address, At[str | None]]:
        neighbors = {}
        for key, mac in entries(self.tree.get("neighbors")):
            assert isinstance(mac, Scalar)
            address = read_address(key.text)
            if address is None:
                self.problems.error("bad-address", f"`{key.text}` is not an IP address", key.place)
            else:
                neighbors[address] = At(mac.text.lower() if mac.value is not None else None, key.place)
        return neighbors


def _passed_on(tree: Mapping) -> dict[str, object]:
    """Keys for the daemon alone, as VC5 writes them; `learn` and `listen` move up from `bgp`."""
    top, bgp = Fields(tree), Fields(tree.get("bgp"))
    passed = {key: top.plain(key) for key in PASSED_ON if top.node(key) is not None}
    if bgp.whole("learn"):
        passed["learn"] = bgp.whole("learn")
    if bgp.boolean("listen"):
        passed["listen"] = True
    return passed
