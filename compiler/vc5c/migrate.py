"""`vc5c --migrate`: the words of VC5's older versions rewritten to today's, all else left as it is."""

from __future__ import annotations

from typing import NamedTuple

from vc5c import former
from vc5c.addresses import full_prefix
from vc5c.edits import Edit, apply, is_flow, last_line, replace_word, whole_entry
from vc5c.fields import entries, items
from vc5c.migrate_ports import Unclear, policy_of
from vc5c.parse import parse
from vc5c.problems import Place, Problems, Rejected
from vc5c.scalars import YES_NO
from vc5c.source import Source
from vc5c.tree import Mapping, Node, Scalar, Sequence

SWITCHES = {"sticky", "reset", "listen", "native", "untagged", "syslog"}
VIPS = {"virtual", "address", "addr"}
TCP = ("dns/tcp", "domain/tcp")
TRUE = frozenset({"y", "yes", "on", "true"})


class Change(NamedTuple):
    place: Place
    message: str


def migrate(source: Source) -> tuple[str, list[Change]]:
    """The rewritten text and what was changed, in the text's order. Raises Rejected with what cannot be."""
    migration = _rewrite(source)
    text = apply(source, migration.edits)
    _be_settled(text, source)
    return text, sorted(migration.changes, key=lambda change: (change.place.order, change.message))


def _rewrite(source: Source) -> _Migration:
    problems = Problems()
    migration = _Migration(parse(source, problems), source, problems)
    migration.top()
    problems.stop_on_errors()
    return migration


def _be_settled(text: str, source: Source) -> None:
    """A text that the edits have broken, or that needs them again, is better not written. Raises Rejected."""
    try:
        again = _rewrite(Source(source.name, text)).changes
        left = [(change.place, change.message) for change in again]
    except Rejected as rejected:
        left = [(problem.place, problem.message) for problem in rejected.problems]
    if left:
        place, message = min(left)
        problems = Problems()
        said = f"this is laid out in a way that cannot be rewritten safely: {message}"
        where = Place(min(place.line, len(source.lines)), 1)
        problems.error("migrate-cannot", said, where, hint="rewrite it by hand")
        problems.stop_on_errors()


class _Migration:
    def __init__(self, tree: Mapping, source: Source, problems: Problems) -> None:
        self.tree = tree
        self.source = source
        self.problems = problems
        self.edits: set[Edit] = set()
        self.changes: set[Change] = set()

    def top(self) -> None:
        self._rename(self.tree, former.TOP)
        self._switches(self.tree)
        for key in ("bgp", "rhi"):
            self._bgp(self.tree.get(key))
        self._switches(self.tree.get("logging"))
        for _, listed in entries(self.tree.get("prefixes")):
            self._prefixes(listed)
        for key in ("vlans", "vlans6"):
            self._vlans(self.tree.get(key))
        for _, policies in entries(self.tree.get("policy")):
            self._policies(policies)
        for node in items(self.tree.get("services")):
            if isinstance(node, Mapping):
                self._service(node)

    def _bgp(self, node: Node | None) -> None:
        groups = node.get("groups") if isinstance(node, Mapping) else None
        for options in (node, *items(groups)):
            self._rename(options, former.BGP)
            self._switches(options)
            for key in ("accept", "reject"):
                self._prefixes(options.get(key) if isinstance(options, Mapping) else None)

    def _service(self, node: Mapping) -> None:
        self._rename(node, former.SERVICE)
        self._switches(node)
        self._schedulers(node)
        self._servers(node)
        if "port" in node.entries:
            self._ports(node)
        elif "policy" not in node.entries and VIPS & node.entries.keys():
            self._default_policy(node)
        else:
            self._policies(node.get("policy"))

    def _policies(self, node: Node | None) -> None:
        for key, value in entries(node):
            name = key.text.removesuffix("*")
            if name in former.POLICIES:
                # Some versions meant UDP alone: those whose users wrote `dns/tcp` beside it.
                beside = any(other.text.startswith(TCP) for other, _ in entries(node))
                new = "domain/udp" if name == "dns" and beside else former.POLICIES[name]
                self._replace(key, new + "*" * key.text.endswith("*"))
            self._switches(value)
            self._schedulers(value)
            for check in items(value.get("checks")) if isinstance(value, Mapping) else ():
                self._rename(check, former.CHECK)
                self._drop(check, "name", "checks have no names any more")

    def _rename(self, node: Node | None, kind: str) -> None:
        names = former.RENAMED[kind]
        for key, _ in entries(node):
            if key.text not in names:
                continue
            new = names[key.text]
            assert isinstance(node, Mapping)
            if new in node.entries:
                note = (f"`{new}` is here", node.entries[new].key.place)
                message = f"`{key.text}` is now `{new}`, which is here too"
                self.problems.error("migrate-cannot", message, key.place, note, hint="join them by hand")
            else:
                self._replace(key, new)

    def _replace(self, word: Scalar, new: str) -> None:
        self.edits.add(replace_word(word.place, new))
        self.changes.add(Change(word.place, f"`{word.text}` is now `{new}`"))

    def _switches(self, node: Node | None) -> None:
        for key, value in entries(node):
            if key.text in SWITCHES and isinstance(value, Scalar) and YES_NO.fullmatch(value.text):
                self._replace(value, "true" if value.text.lower() in TRUE else "false")

    def _schedulers(self, node: Node) -> None:
        """`leastconns` and `fallback`, which are gone."""
        for key, value in entries(node):
            given = isinstance(value, Scalar) and value.text.lower() in TRUE
            if key.text == "fallback" and given:
                hint = "announce the VIP from elsewhere with a worse MED, for example"
                self.problems.error("migrate-cannot", former.GONE["fallback"], key.place, hint=hint)
            elif key.text == "leastconns" and given and isinstance(value, Scalar):
                self._replace(key, "scheduler")
                self._replace(value, "leastconn")
        for word in ("leastconns", "fallback"):
            self._drop(node, word, f"`{word}: false` says nothing any more", unless=TRUE)

    def _drop(self, node: Node, name: str, message: str, unless: frozenset[str] = frozenset()) -> None:
        entry = node.entries.get(name) if isinstance(node, Mapping) else None
        if entry is None or (isinstance(entry.value, Scalar) and entry.value.text.lower() in unless):
            return
        if is_flow(node, self.source):
            self._refuse(entry.key, f"`{name}` cannot be taken out of brackets")
            return
        self.edits.add(whole_entry(entry.key, entry.value, self.source, ""))
        self.changes.add(Change(entry.key.place, message))

    def _servers(self, node: Mapping) -> None:
        """A mapping of addresses to names is a list now; names of several lists are one."""
        for name in ("servers", "real"):
            listed = node.get(name)
            if isinstance(listed, Mapping):
                if is_flow(listed, self.source):
                    self._refuse(node.entries[name].key, "a mapping in brackets")
                for key, value in entries(listed):
                    said = f"  # {value.text}" if isinstance(value, Scalar) and value.text else ""
                    self.edits.add(whole_entry(key, value, self.source, f"- {key.text}{said}"))
                    self.changes.add(Change(key.place, "`servers` is a list now"))
        real = node.get("real")
        if isinstance(real, Sequence):
            self._refuse(node.entries["real"].key, "a service has one named list of servers now")

    def _prefixes(self, node: Node | None) -> None:
        for word in items(node):
            if isinstance(word, Scalar) and (whole := full_prefix(word.text)):
                self._replace(word, whole)

    def _vlans(self, node: Node | None) -> None:
        for key, value in entries(node):
            if "/" in key.text and isinstance(value, Scalar) and isinstance(value.value, int):
                self.edits |= {replace_word(key.place, value.text), replace_word(value.place, key.text)}
                self.changes.add(Change(key.place, "VLANs are written `id: prefix` now"))

    def _default_policy(self, node: Mapping) -> None:
        if is_flow(node, self.source):
            self._refuse(next(iter(node.entries.values())).key, "a service in brackets without `policy`")
            return
        first = next(iter(node.entries.values())).key.place
        indent, line = " " * (first.column - 1), last_line(node)
        end = len(self.source.lines[line - 1]) + 1
        text = f"\n{indent}policy:\n{indent}  http:\n{indent}  https:"
        self.edits.add(Edit(line, end, line, end, text))
        self.changes.add(Change(first, "the policies that a service without `policy` had are written out"))

    def _ports(self, node: Mapping) -> None:
        """`port` and `checks` of a service become its `policy`."""
        entry, checks = node.entries["port"], node.entries.get("checks")
        if "policy" in node.entries or is_flow(node, self.source):
            self._refuse(entry.key, "`port` beside `policy`, or in brackets")
            return
        try:
            policy = policy_of(entry, checks, self.source)
        except Unclear as unclear:
            self._refuse_at(unclear.place, str(unclear))
            return
        self.edits.add(whole_entry(entry.key, entry.value, self.source, policy))
        self.changes.add(Change(entry.key.place, former.CHANGED[former.SERVICE]["port"]))
        if checks is not None:
            self.edits.add(whole_entry(checks.key, checks.value, self.source, ""))
            self.changes.add(Change(checks.key.place, former.CHANGED[former.SERVICE]["checks"]))

    def _refuse(self, word: Scalar, message: str) -> None:
        self._refuse_at(word.place, message)

    def _refuse_at(self, place: Place, message: str) -> None:
        self.problems.error(
            "migrate-cannot", f"cannot be rewritten: {message}", place, hint="rewrite it by hand"
        )
