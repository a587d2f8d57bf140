"""YAML text to a located tree.

PyYAML reads the events (libyaml where it was built in), so that every value keeps its line, its column and
its own text; what words mean is scalars.py's. The tree is built from events rather than composed: libyaml's
composer recurses in C and would crash on a thousand brackets, and it would expand aliases without end.

Rejected here: broken YAML, duplicate keys, keys that are not words, tags, more than one document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from vc5c import scalars
from vc5c.problems import Place, Problems, Rejected
from vc5c.source import Source
from vc5c.tree import Entry, Mapping, Node, Scalar, Sequence
from vc5c.yaml_errors import report_yaml_error

MAX_DEPTH = 40
MAX_ALIASED = 100_000  # nodes that aliases may add: more is an accident or an attack

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = (yaml.ScalarEvent, yaml.AliasEvent)


def parse(source: Source, problems: Problems) -> Mapping:
    """The located tree of a whole file, which must be one mapping. Raises Rejected."""
    tree = parse_node(source, problems)
    if not isinstance(tree, Mapping):
        message = "a configuration is a mapping with keys such as `services`"
        problems.error("not-a-mapping", message, tree.place)
    problems.stop_on_errors()
    assert isinstance(tree, Mapping)
    return tree


def parse_node(source: Source, problems: Problems) -> Node:
    """The located tree of a whole file, whatever it is. Raises Rejected."""
    if source.broken is not None:
        line, column, byte = source.broken
        problems.error(
            "not-utf8", f"not UTF-8 text: byte 0x{byte:02x}", Place(line, column, file=source.file)
        )
        raise Rejected(problems.found)
    try:
        tree = _Parser(source, problems).document()
    except yaml.YAMLError as error:
        report_yaml_error(error, source, problems)
        raise Rejected(problems.found) from error
    problems.stop_on_errors()
    return tree


class _Parser:
    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.events: Iterator[Any] = yaml.parse(source.text, Loader=_LOADER)
        self.anchors: dict[str, tuple[Node, int]] = {}  # with the number of nodes inside
        self.nodes = 0
        self.aliased = 0

    def document(self) -> Node:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            self._fatal(
                "empty",
                "the file is empty: a configuration has at least `services`",
                Place(1, 1, file=self.source.file),
            )
        tree = self.node(next(self.events), 0)
        next(self.events)  # the end of the document
        more = next(self.events)
        if not isinstance(more, yaml.StreamEndEvent):
            self._fatal("yaml-documents", "a second document begins: a file has one", self._place(more))
        return tree

    def node(self, event: Any, depth: int) -> Node:
        """The node that begins with an event, its events consumed."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        place, before = self._place(event), self.nodes
        if depth > MAX_DEPTH:
            self._fatal("yaml-depth", "the YAML is nested too deeply", place)
        if event.tag not in (None, "!"):
            self.problems.error("yaml-tag", f"tags such as `{event.tag}` are not used here", place)
        self.nodes += 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and event.tag is None
            node = Scalar(
                scalars.value_of(event.value) if plain else event.value, event.value, not plain, place
            )
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence(
                tuple(self.node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)), place
            )
        else:
            node = self._mapping(place, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.nodes - before)
        return node

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self.events), end):
            yield event

    def _mapping(self, place: Place, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        for event in self._until(yaml.MappingEndEvent):
            key, value = self.node(event, depth + 1), self.node(next(self.events), depth + 1)
            if not isinstance(key, Scalar):
                self.problems.error("yaml-key", "a key must be a word, not a list or a mapping", key.place)
            elif key.text == "<<" and not key.quoted:
                merged += self._merge(value)
            elif key.text in entries:
                first = ("first given here", entries[key.text].key.place)
                self.problems.error("duplicate-key", f"the key `{key.text}` is given twice", key.place, first)
            else:
                entries[key.text] = Entry(key, value)
        for entry in merged:
            entries.setdefault(entry.key.text, entry)
        return Mapping(entries, place)

    def _merge(self, value: Node) -> list[Entry]:
        """The entries that `<<: *anchor` brings; earlier mappings of a list win."""
        if isinstance(value, Mapping):
            return list(value.entries.values())
        if isinstance(value, Sequence):
            return [entry for item in value.items for entry in self._merge(item)]
        self.problems.error("yaml-merge", "`<<` takes a mapping or a list of mappings", value.place)
        return []

    def _alias(self, event: Any) -> Node:
        place = self._place(event)
        if event.anchor not in self.anchors:
            self._fatal("yaml-alias", f"nothing before this place is called `&{event.anchor}`", place)
        node, size = self.anchors[event.anchor]
        self.nodes += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            self._fatal("yaml-alias", "the aliases multiply to more than could be meant", place)
        return node

    def _fatal(self, rule: str, message: str, place: Place) -> None:
        self.problems.error(rule, message, place)
        raise Rejected(self.problems.found)

    def _place(self, event: Any) -> Place:
        """Of a word: its extent; of a list or mapping: from its start to the end of the line."""
        start, end = event.start_mark, event.end_mark
        if isinstance(event, _WORDS) and end.line == start.line:
            return Place(
                start.line + 1, start.column + 1, max(1, end.column - start.column), self.source.file
            )
        line = self.source.lines[start.line] if start.line < len(self.source.lines) else ""
        length = max(1, len(line.rstrip()) - start.column)
        return Place(start.line + 1, start.column + 1, length, self.source.file)
