"""Services, their VIPs, servers and policies from the tree; the names of lists and policies resolved."""

from __future__ import annotations

from vc5c.addresses import Address, hint_at_zeros, read_address
from vc5c.build_settings import build_check, build_settings
from vc5c.fields import Fields, entries, items
from vc5c.former import former_policy
from vc5c.model import At, Policy, Server, Service, Vip
from vc5c.policies import KNOWN_NAMES, read_policy_name
from vc5c.problems import Problems, did_you_mean
from vc5c.tree import Mapping, Node, Scalar, Sequence


class ServiceBuilder:
    """Remembers which named lists were used: `unused` speaks of the others."""

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
            former = former_policy(key.text.removesuffix("*"))
            near = f": {former}" if former else did_you_mean(key.text, KNOWN_NAMES)
            digits = key.text.removesuffix("*").lstrip("0")
            if key.text.startswith("0") and read_policy_name(digits) is not None:
                near = f": zeros in front make a number octal to some programs: write {digits}"
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
