"""`include`: other files, read as if they were part of the one that names them.

Lists at the top, and directly under `bgp` and `block`, are joined in the order of the files, the
includer's own first; mappings are merged. What is then given twice is an error that shows both places.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vc5c.parse import parse
from vc5c.problems import Place, Problems, Rejected
from vc5c.source import Source, Unreadable, read
from vc5c.tree import Entry, Mapping, Node, Scalar, Sequence

KEY = "include"
JOINED = ("bgp", "block")  # mappings whose lists are joined as those at the top are
STDIN = "<stdin>"
MAX_DEPTH = 40


def parse_all(source: Source, problems: Problems) -> Mapping:
    """The tree of a file and of all that it includes; `source.included` has their texts. Raises Rejected."""
    tree = parse(source, problems)
    start = () if source.name == STDIN else (Path(source.name).resolve(),)
    tree = _Reader(source, problems).complete(tree, Path(source.name).parent, start)
    problems.stop_on_errors()
    return tree


class _Reader:
    def __init__(self, source: Source, problems: Problems) -> None:
        self.texts = source.included
        self.problems = problems
        self.seen: dict[Path, Place] = {}

    def complete(self, tree: Mapping, folder: Path, way: tuple[Path, ...]) -> Mapping:
        """A file's tree with what it includes. way: the files from the first to this one."""
        entry = tree.entries.get(KEY)
        if entry is None:
            return tree
        whole = Mapping({key: value for key, value in tree.entries.items() if key != KEY}, tree.place)
        for word in self._words(entry.value):
            for path in self._files(word, folder):
                included = self._read(path, word.place, way)
                if included is not None:
                    whole = self._merge(whole, included, joined=True)
        return whole

    def _words(self, node: Node) -> Iterator[Scalar]:
        for item in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                yield item
            elif not (isinstance(item, Scalar) and item.value is None):
                self.problems.error("wrong-type", "`include` takes a path, or a list of them", item.place)

    def _files(self, word: Scalar, folder: Path) -> list[Path]:
        if not glob.has_magic(word.text):
            return [folder / word.text]
        try:
            found = sorted(glob.glob(word.text, root_dir=folder))  # noqa: PTH207  a pattern may be absolute
        except ValueError:  # a NUL in the path
            found = []
        if not found:
            self.problems.warning("include-nothing", f"no file is named like `{word.text}`", word.place)
        return [folder / name for name in found]

    def _read(self, path: Path, place: Place, way: tuple[Path, ...]) -> Mapping | None:
        """An included file with its own includes; None with a problem if that is impossible."""
        real = self._real(path, place)
        if real is None:
            return None
        if real in way:
            chain = " → ".join(str(step.name) for step in (*way[way.index(real) :], real))
            self.problems.error("include-cycle", f"{path} includes itself: {chain}", place)
            return None
        if len(way) > MAX_DEPTH:
            self.problems.error("include-cycle", f"{path}: files include files too deeply", place)
            return None
        if real in self.seen:
            first = ("first included here", self.seen[real])
            self.problems.error("include-twice", f"{path} is included already", place, first)
            return None
        self.seen[real] = place
        try:
            source = replace(read(str(path)), file=str(path))
            self.texts[source.file] = source
            own = Problems()
            tree = parse(source, own)
        except Unreadable as error:
            self.problems.error("include-missing", str(error), place)
        except Rejected as rejected:
            for problem in rejected.problems:
                self.problems.add(problem)
        else:
            return self.complete(tree, path.parent, (*way, real))
        return None

    def _real(self, path: Path, place: Place) -> Path | None:
        """The file that a path leads to; only a regular one ends, so that reading it does."""
        try:
            if path.is_file():
                return path.resolve()
            reason = "it is no file" if path.exists() else "there is no such file"
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
        self.problems.error("include-missing", f"cannot include {path}: {reason}", place)
        return None

    def _merge(self, ours: Mapping, theirs: Mapping, joined: bool) -> Mapping:
        """Two mappings as one. joined: lists that both have become one."""
        entries = dict(ours.entries)
        for key, entry in theirs.entries.items():
            entries[key] = self._both(entries[key], entry, joined) if key in entries else entry
        return Mapping(entries, ours.place)

    def _both(self, ours: Entry, theirs: Entry, joined: bool) -> Entry:
        one, other = ours.value, theirs.value
        if isinstance(other, Scalar) and other.value is None:
            return ours
        if isinstance(one, Scalar) and one.value is None:
            return theirs
        if joined and isinstance(one, Sequence) and isinstance(other, Sequence):
            return Entry(ours.key, Sequence(one.items + other.items, one.place))
        if joined and isinstance(one, Mapping) and isinstance(other, Mapping):
            return Entry(ours.key, self._merge(one, other, joined=ours.key.text in JOINED))
        key = theirs.key
        first = ("first given here", ours.key.place)
        self.problems.error("duplicate-key", f"the key `{key.text}` is given twice", key.place, first)
        return ours
