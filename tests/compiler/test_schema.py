"""jsonschema is the judge: what the quick validator lets pass, jsonschema lets pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vc5c import schema
from vc5c.parse import parse
from vc5c.problems import Problems, Rejected
from vc5c.source import Source
from vc5c.tree import plain

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*/config.yaml"))
AWKWARD = [
    None, True, False, 0, 1, -1, 1.0, 0.5, 0.09999999999999999, 65535, 65536, 1e300, float("inf"),
    float("nan"), 2**64 - 1, 2**64, float(2**64), 10**25, "", "a", "a\n", "3 of 5", "3 of 5\n", "/é",
    "\ud800", "\0", "GET", "52:54:00:12:34:56", "52:54:00:12:34:56\n", [], [[]], {}, {"a": {}}, [1, "a"],
    "10", "4095", "any",
]  # fmt: skip


def agree(value) -> None:
    if schema._surely_allowed(value):
        assert list(schema._validator().iter_errors(value)) == []


def tree_of(text: str):
    try:
        return plain(parse(Source("config.yaml", text), Problems()))
    except Rejected:
        return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}/{path.parts[-2]}")
def test_agree_on_every_example(path: Path) -> None:
    value = tree_of(path.read_bytes().decode(errors="replace"))
    agree(value)
    if path.parts[-3] == "golden":
        assert schema._surely_allowed(value)


VALUES = st.recursive(
    st.sampled_from(AWKWARD) | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def places(node):
    """Every container of a tree and key in it."""
    for key in node if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from places(node[key])


@given(st.data())
@settings(max_examples=600, deadline=None)
def test_agree_on_any_change(data) -> None:
    """One value or key of a sound configuration replaced by any other."""
    text = data.draw(st.sampled_from([path for path in FILES if path.parts[-3] == "golden"])).read_text()
    tree = json.loads(json.dumps(tree_of(text)))
    node, key = data.draw(st.sampled_from(list(places(tree))))
    if isinstance(node, dict) and data.draw(st.booleans()):
        node[data.draw(st.sampled_from([a for a in AWKWARD if isinstance(a, str)]))] = node.pop(key)
    else:
        node[key] = data.draw(VALUES)
    agree(tree)


@given(st.sampled_from(sorted(schema._schema()["properties"])), VALUES)
@example("seed", 2**64)
@example("seed", float(2**64))
@settings(max_examples=400, deadline=None)
def test_agree_on_any_value_of_a_top_level_key(key: str, value) -> None:
    agree({key: value})


SETTINGS = sorted(schema._schema()["$defs"]["settings"]["properties"])


@given(st.sampled_from(SETTINGS), VALUES)
@settings(max_examples=600, deadline=None)
def test_agree_on_any_setting(key: str, value) -> None:
    agree({"services": [{"virtual": "192.0.2.1", "policy": {"http": {key: value}}, key: value}]})


def test_believed_only_if_it_finds_nothing(problems_of, monkeypatch) -> None:
    """A quick validator that refuses everything changes nothing but the time."""
    text = (HERE / "golden" / "extensions" / "config.yaml").read_text()
    expected = problems_of(text)
    monkeypatch.setattr(schema, "_surely_allowed", lambda _value: False)
    assert problems_of(text) == expected


def test_jsonschema_is_not_even_loaded_for_a_sound_configuration(load_text, monkeypatch) -> None:
    monkeypatch.setattr(schema, "_validator", lambda: pytest.fail("jsonschema was asked"))
    load_text("services: [{virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}]\n")
