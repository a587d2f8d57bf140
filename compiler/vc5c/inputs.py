"""What `--diff` and `--explain` are given: compiled documents, or configurations that are compiled first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vc5c.documents import Document, NotADocument, read_document
from vc5c.source import Source, read

Compile = Callable[[Source], Iterable[bytes] | None]  # None: it has problems, and they are reported


class HasProblems(Exception):
    """A configuration does not compile; the reader has been told."""


@dataclass(frozen=True)
class Input:
    """A document, and its text in pieces."""

    document: Document
    text: Iterable[bytes]


def read_input(path: str, compile_: Compile) -> Input:
    """From a file, or standard input for `-`. Raises Unreadable, NotADocument, HasProblems."""
    source = read(path)
    document = None if source.broken else read_document(source.text, source.name)
    if document:
        return Input(document, [source.text.encode()])
    pieces = compile_(source)
    if pieces is None:
        raise HasProblems
    compiled = read_document(b"".join(pieces).decode(), source.name)
    if compiled is None:
        raise NotADocument(f"{source.name}: what was compiled is no document: a defect of vc5c")
    return Input(compiled, pieces)
