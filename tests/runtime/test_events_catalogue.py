"""The catalogue of events against the source: every event that is emitted is in it, with its level and keys,
and nothing is in it that is never emitted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import vc5d
from vc5d import log
from vc5d.events.catalogue import EVENTS, PARTS
from vc5d.events.keys import KEYS

SOURCE = Path(vc5d.__file__).parent
LEVELS = {"debug", "info", "warning", "error"}
# Made by the log itself, not by a call of it.
BY_THE_LOG = {"library", "journal.missed", "probe"}
# Functions that pass on to the log what they are given: name of the call -> its level.
PASSED_ON = {"self._tell": "warning"}
# Calls whose first argument is a variable, with what it may be.
VARIABLE = {"draining.py": {"drain", "undrain"}}


class Emitted(NamedTuple):
    where: str
    levels: frozenset[str]
    events: frozenset[str]
    keys: frozenset[str]


def strings(node: ast.expr, names: dict[str, frozenset[str]]) -> frozenset[str]:
    """What the expression may be; empty if that cannot be seen."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return frozenset({node.value})
    if isinstance(node, ast.IfExp):
        return strings(node.body, names) | strings(node.orelse, names)
    if isinstance(node, ast.Name):
        return names.get(node.id, frozenset())
    return frozenset()


def called(function: ast.expr) -> frozenset[str]:
    """`log.info` -> info; `(log.info if x else log.error)` -> both; `self._tell` -> as it passes on."""
    if isinstance(function, ast.IfExp):
        return called(function.body) | called(function.orelse)
    text = ast.unparse(function)
    if text in PASSED_ON:
        return frozenset({PASSED_ON[text]})
    prefix, _, name = text.rpartition(".")
    return frozenset({name}) if prefix == "log" and name in LEVELS | {"at", "defect"} else frozenset()


def emitted(path: Path) -> Iterator[Emitted]:
    tree = ast.parse(path.read_text())
    names = {
        target.id: strings(node.value, {})
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not (levels := called(node.func)) or not node.args:
            continue
        if ast.unparse(node.func) in PASSED_ON and not strings(node.args[0], {}):
            continue  # another function of that name
        where = f"{path.relative_to(SOURCE)}:{node.lineno}"
        keys = frozenset(keyword.arg or "" for keyword in node.keywords)
        event = node.args[0]
        if levels == {"at"}:
            levels, event = strings(node.args[0], names), node.args[1]
        if levels == {"defect"}:
            levels, keys = frozenset({"error"}), frozenset({"error", "at"})
        found = strings(event, names) or frozenset(VARIABLE.get(path.name, ()))
        assert found, f"{where}: the event is no literal: this test cannot see what is emitted"
        yield Emitted(where, levels, found, keys)


EMITTED = [each for path in sorted(SOURCE.rglob("*.py")) if path.name != "log.py" for each in emitted(path)]
HINT = "add it to runtime/vc5d/events/ and run `make generate`"


def test_the_walk_sees_something() -> None:
    seen = {event for each in EMITTED for event in each.events}
    assert {"vip.down", "real.up", "real.down", "check.trouble", "drain", "web.listening"} <= seen
    assert len(EMITTED) > 50


@pytest.mark.parametrize("each", EMITTED, ids=lambda each: each.where)
def test_what_is_emitted_is_in_the_catalogue(each: Emitted) -> None:
    for event in each.events:
        assert event in EVENTS, f"{each.where} emits {event}: {HINT}"
        known = EVENTS[event]
        assert each.levels <= set(known.levels.split()), f"{each.where}: {event} has another level: {HINT}"
        assert each.keys <= set(known.keys.split()), f"{each.where}: {event} has another key: {HINT}"


def test_what_is_in_the_catalogue_is_emitted() -> None:
    seen = {event for each in EMITTED for event in each.events}
    assert EVENTS.keys() - seen == BY_THE_LOG, "take out of the catalogue what is emitted no more"
    for event in EVENTS.keys() - BY_THE_LOG:
        keys = {key for each in EMITTED if event in each.events for key in each.keys}
        assert set(EVENTS[event].keys.split()) == keys, f"keys of {event} in the catalogue that it never has"


def test_the_catalogue_is_whole() -> None:
    assert sum(map(len, PARTS.values())) == len(EVENTS), "an event is there twice"
    used = {key for event in EVENTS.values() for key in event.keys.split()}
    assert used == KEYS.keys(), "every key is described, and every description is of a key"
    for event in EVENTS.values():
        assert set(event.levels.split()) <= {*log.LEVELS, "critical"}
        assert event.meaning.endswith("."), event.name
        assert not event.ends or event.ends in EVENTS, event.name
