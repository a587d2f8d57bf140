"""No garbage collection while something is made; and again afterwards, whatever became of it."""

from __future__ import annotations

import gc
import threading

import pytest
from vc5d.loop.collecting import without_collection


def test_off_while_it_runs_and_on_again() -> None:
    assert without_collection(gc.isenabled) is False
    assert gc.isenabled()
    with pytest.raises(ValueError, match="invalid"):
        without_collection(int, "x")
    assert gc.isenabled()


def test_the_first_to_return_does_not_turn_it_on_for_the_others() -> None:
    begun, end = threading.Event(), threading.Event()
    seen: list[bool] = []

    def long() -> None:
        begun.set()
        end.wait(5)
        seen.append(gc.isenabled())

    thread = threading.Thread(target=without_collection, args=(long,))
    thread.start()
    begun.wait(5)
    without_collection(int)
    assert not gc.isenabled()
    end.set()
    thread.join()
    assert seen == [False]
    assert gc.isenabled()
