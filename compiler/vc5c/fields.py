"""Taking values out of a mapping that the schema has accepted, so that types are known."""

from __future__ import annotations

from typing import Any

from vc5c.model import At
from vc5c.problems import Place
from vc5c.tree import Mapping, Node, Scalar, Sequence, plain


class Fields:
    """Typed access by key. A key that is absent or empty (null) is None everywhere."""

    def __init__(self, node: Node | None) -> None:
        self.mapping = node if isinstance(node, Mapping) else None

    def node(self, key: str) -> Node | None:
        node = self.mapping.get(key) if self.mapping is not None else None
        return None if isinstance(node, Scalar) and node.value is None else node

    def text(self, key: str) -> str | None:
        """As written: a description of `NO` or `1.10` is just that."""
        node = self.node(key)
        return node.text if isinstance(node, Scalar) else None

    def whole(self, key: str) -> int | None:
        node = self.node(key)
        return int(node.value) if isinstance(node, Scalar) and node.value is not None else None

    def number(self, key: str) -> float | None:
        """An int when it is a whole number, so that 2 and 2.0 are written alike."""
        node = self.node(key)
        if not isinstance(node, Scalar) or node.value is None:
            return None
        value = float(node.value)
        return int(value) if value.is_integer() else value

    def boolean(self, key: str) -> bool | None:
        node = self.node(key)
        return bool(node.value) if isinstance(node, Scalar) else None

    def at(self, key: str) -> At[Any] | None:
        """The value with its place."""
        node = self.node(key)
        return At(node.value, node.place) if isinstance(node, Scalar) else None

    def words(self, key: str) -> tuple[Scalar, ...] | None:
        """A list of words, or the one word in its place."""
        node = self.node(key)
        if node is None:
            return None
        items = node.items if isinstance(node, Sequence) else (node,)
        return tuple(item for item in items if isinstance(item, Scalar))

    def places(self) -> dict[str, Place]:
        """Where each value was written."""
        entries = self.mapping.entries if self.mapping is not None else {}
        return {key: entry.value.place for key, entry in entries.items()}

    def plain(self, key: str) -> Any:
        node = self.node(key)
        return None if node is None else plain(node)


def entries(node: Node | None) -> list[tuple[Scalar, Node]]:
    """Key and value of each entry of a mapping; [] for anything else."""
    return list(node.entries.values()) if isinstance(node, Mapping) else []


def items(node: Node | None) -> tuple[Node, ...]:
    """Of a list; () for anything else."""
    return node.items if isinstance(node, Sequence) else ()
