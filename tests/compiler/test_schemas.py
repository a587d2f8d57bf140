"""Both schemas: well formed, and strict about what is the project's own."""

from __future__ import annotations

import copy
import json
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

GOLDEN = Path(__file__).parent / "golden"


def schema(name: str):
    return json.loads(resources.files("vc5_schemas").joinpath(name).read_text())


@pytest.mark.parametrize("name", ["config.schema.json", "document.schema.json", "problems.schema.json"])
def test_well_formed(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def properties(node, where=""):
    """(where, subschema) of every property anywhere in a schema."""
    if isinstance(node, dict):
        for key, inner in node.get("properties", {}).items():
            yield f"{where}.{key}", inner
        for key, inner in node.items():
            if key not in ("examples", "default"):
                yield from properties(inner, where if key in ("properties", "$defs") else f"{where}.{key}")
    elif isinstance(node, list):
        for inner in node:
            yield from properties(inner, where)


@pytest.mark.parametrize("name", ["config.schema.json", "document.schema.json", "problems.schema.json"])
def test_every_property_is_described_and_has_examples_that_obey_it(name: str) -> None:
    """The reference documentation is made from them, and editors show them."""
    whole = schema(name)
    found = list(properties(whole))
    assert len(found) > 15
    for where, inner in found:
        assert inner.get("description", "").endswith((".", "…")), f"{where} has no description"
        assert inner.get("examples"), f"{where} has no example"
        validator = Draft202012Validator({**inner, "$defs": whole["$defs"]})
        for value in [*inner["examples"], *([inner["default"]] if "default" in inner else [])]:
            validator.validate(value)


@pytest.mark.parametrize("case", sorted(GOLDEN.iterdir()), ids=lambda case: case.name)
def test_documents_obey(case: Path, compile_text) -> None:
    Draft202012Validator(schema("document.schema.json")).validate(
        compile_text((case / "config.yaml").read_text())
    )


KEY = "192.0.2.60:80:tcp"
TAMPERINGS = {
    "unknown key": lambda d: d.update(extra=1),
    "version": lambda d: d.update(version=2),
    "digest": lambda d: d.update(digest="sha256:0"),
    "missing index": lambda d: d.pop("index"),
    "seed": lambda d: d.update(seed=2**64),
    "service key": lambda d: d["services"].update({"192.0.2.60:80": d["services"][KEY]}),
    "unknown service key": lambda d: d["services"][KEY].update(colour="red"),
    "no table": lambda d: d["services"][KEY].pop("table"),
    "no reals": lambda d: d["services"][KEY].update(reals={}),
    "check type": lambda d: d["services"][KEY]["reals"]["10.0.0.1:80"].update(checks=[{"type": "ping"}]),
    "mac": lambda d: d["neighbors"]["10.0.0.1"].update(mac="52:54:00:AB:00:01"),
    "slots": lambda d: next(iter(d["tables"].values())).update(slots="!"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_documents_that_do_not(tampering: str, compile_text) -> None:
    document = compile_text((GOLDEN / "extensions" / "config.yaml").read_text())
    tampered = copy.deepcopy(document)
    TAMPERINGS[tampering](tampered)
    validator = Draft202012Validator(schema("document.schema.json"))
    assert validator.is_valid(document)
    assert not validator.is_valid(tampered)
