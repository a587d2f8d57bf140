"""Python's garbage collector looks at every object there is, and stops all threads meanwhile: a second
with a document of 100,000 reals. What is made here has no cycles, and goes without it; and what stays for as
long as a document does is not looked at again."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .courtesy import give_way

P = ParamSpec("P")
T = TypeVar("T")

_RARELY = (3_000, 5, 100)  # objects; of such collections; of those

_lock = threading.Lock()
_under_way = 0


def without_collection(call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """call(…), and no collection until it and all others like it have returned."""
    global _under_way  # noqa: PLW0603 - the collector is one for the process, too
    with _lock:
        _under_way += 1
        gc.disable()
    try:
        return call(*arguments, **named)
    finally:
        with _lock:
            _under_way -= 1
            if not _under_way:
                gc.enable()


def kept(call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """call(…), whose result stays for long: made without a collection, and left out by all to come."""

    def made() -> T:
        result = call(*arguments, **named)
        gc.freeze()
        return result

    return without_collection(made)


def let_go(pieces: list[object]) -> None:
    """Empties the list. To free all that a document had takes long, and nothing else is done meanwhile: one
    piece after another, and in a thread, others have their turn in between."""
    while pieces:
        give_way()
        pieces.pop()


def settle() -> None:
    """All that there is now stays, about: collections leave it out from here on. What of it ends is freed all
    the same, but for what is part of a cycle."""
    gc.set_threshold(*_RARELY)
    gc.freeze()
