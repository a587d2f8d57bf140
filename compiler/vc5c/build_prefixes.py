"""Prefixes: named lists of them, and what else may stand for one."""

from __future__ import annotations

from collections.abc import Iterable

from vc5c.addresses import full_prefix, read_prefix
from vc5c.fields import entries, items
from vc5c.problems import Problems, did_you_mean
from vc5c.tree import Mapping, Scalar


class PrefixLists:
    """The lists under the top-level `prefixes`, and which of them are used."""

    def __init__(self, tree: Mapping, problems: Problems) -> None:
        self.problems = problems
        self.named = {key.text: (key, node) for key, node in entries(tree.get("prefixes"))}
        self.used: set[str] = set()

    def read(self, word: Scalar, also: Iterable[str] = ()) -> tuple[Scalar, ...]:
        """The prefixes of a named list, or the word itself; () with a problem if it is neither.

        also: words that mean something here besides.
        """
        if word.text in self.named:
            self.used.add(word.text)
            inner = [item for item in items(self.named[word.text][1]) if isinstance(item, Scalar)]
            return tuple(item for item in inner if self._is_prefix(item, ()))
        return (word,) if word.text in also or self._is_prefix(word, also) else ()

    def _is_prefix(self, word: Scalar, also: Iterable[str]) -> bool:
        if read_prefix(word.text) is not None:
            return True
        near = did_you_mean(word.text, [*self.named, *also])
        message = f"`{word.text}` is neither a prefix nor a name under `prefixes`{near}"
        whole = full_prefix(word.text)
        self.problems.error("unknown-prefixes", message, word.place, hint=f"write {whole}" if whole else "")
        return False

    def unused(self) -> None:
        for name, (key, _node) in self.named.items():
            if name not in self.used:
                self.problems.warning("unused", f"nothing uses `{name}` of `prefixes`", key.place)
