"""The tables of a document, each made once, on every core that there is.

The order in which they are ready decides nothing: a table is found by what it is made of.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vc5c import maglev
from vc5c.cache import Cache
from vc5c.resolved import TableSpec
from vc5c.spool import Spool


@dataclass(frozen=True, slots=True)
class Table:
    """digest: its key in the document, the SHA-256 of its JSON in hex. text(): the JSON, perhaps large."""

    digest: str
    text: Callable[[], bytes]


Tables = dict[TableSpec, Table]


def make_tables(
    specs: Iterable[TableSpec],
    spool: Spool,
    cache: Cache | None = None,
    step: Callable[[], object] = lambda: None,
) -> Tables:
    """A table for each distinct specification. `step` is called after each, by any thread. Raises OSError."""
    distinct = list(dict.fromkeys(specs))

    def make(spec: TableSpec) -> Table:
        table = _make(spec, spool, cache)
        step()
        return table

    workers = ThreadPoolExecutor(min(_cores(), len(distinct) or 1))
    try:
        return dict(zip(distinct, workers.map(make, distinct), strict=True))
    finally:
        workers.shutdown(cancel_futures=True)


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make(spec: TableSpec, spool: Spool, cache: Cache | None) -> Table:
    before, after = _around_slots(spec)
    if cache is None:
        return _table(*_finish(before, maglev.fill(spec), after), spool)
    key = hashlib.sha256(b"%s\n%s%s" % (maglev.ALGORITHM.encode(), before, after)).hexdigest()
    cached = cache.get(key, 2 * spec.size)
    if cached is not None and maglev.fits(spec, cached[1]):
        digest, text = _finish(before, cached[1], after)
        if digest == cached[0]:
            return _table(digest, text, spool)
    slots = maglev.fill(spec)
    digest, text = _finish(before, slots, after)
    cache.put(key, digest, slots)
    return _table(digest, text, spool)


def _around_slots(spec: TableSpec) -> tuple[bytes, bytes]:
    """A table's canonical JSON up to the slots, and from there on."""
    reals = ",".join([f'"{real.text}"' for real in spec.reals])
    weights = ",".join(map(str, spec.weights))
    return f'{{"reals":[{reals}],"size":{spec.size},"slots":"'.encode(), f'","weights":[{weights}]}}'.encode()


def _finish(before: bytes, slots: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Digest and JSON."""
    text = b"".join((before, maglev.encode(slots), after))
    return hashlib.sha256(text).digest(), text


def _table(digest: bytes, text: bytes, spool: Spool) -> Table:
    return Table(digest.hex(), spool.put(text))
