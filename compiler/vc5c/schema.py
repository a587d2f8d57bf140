"""The shape of a configuration: jsonschema judges, this module says where and in whose words.

Most configurations are sound, and to hear so from jsonschema was the slowest of all stages. So jsonschema_rs,
which takes hardly any time, is asked first, and believed if it finds nothing wrong. Else it is for jsonschema
to say. tests/compiler/test_schema.py holds one against the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from vc5c import scalars
from vc5c.former import former_key
from vc5c.problems import Place, Problems, did_you_mean
from vc5c.tree import Mapping, Node, Scalar, find, plain

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

TYPE_NAMES = {
    "array": "a list", "object": "a mapping", "string": "text", "integer": "a whole number",
    "number": "a number", "boolean": "true or false", "null": "nothing",
}  # fmt: skip


def judge(tree: Mapping, problems: Problems) -> None:
    """Report everything in the tree that the schema does not allow. Raises Rejected."""
    value = plain(tree)
    if not _surely_allowed(value):
        for error in _validator().iter_errors(value):
            _report(error, tree, problems)
    problems.stop_on_errors()


def _surely_allowed(value: Any) -> bool:
    """False: it is not, or jsonschema_rs cannot tell."""
    try:
        return _quick_validator().is_valid(value)
    except ValueError:  # what is no JSON to it, such as half of a surrogate pair
        return False


@cache
def _quick_validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_schema())


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - a tenth of a second, and seldom needed

    return Draft202012Validator(_schema())


def _schema() -> Any:
    return json.loads(resources.files("vc5_schemas").joinpath("config.schema.json").read_text("utf-8"))


def _report(error: ValidationError, tree: Mapping, problems: Problems) -> None:
    path = list(error.absolute_path)
    node = find(tree, path)
    keyword = str(error.validator)
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(node, Mapping):
        _report_unknown_keys(error, node, problems)
    elif "propertyNames" in error.absolute_schema_path and isinstance(node, Mapping):
        key = node.entries[str(error.instance)].key
        problems.error("bad-key", f"`{key.text}` is not {_noun(error, keyword)}", key.place)
    else:
        rule, words = WORDS.get(keyword, ("bad-value", _own_words))
        place = _key_place(tree, path) if isinstance(node, Mapping) else node.place
        title: Any = error.schema
        subject = (
            f"`{path[-1]}`" if path and isinstance(path[-1], str) else f"this {title.get('title', 'entry')}"
        )
        problems.error(rule, f"{subject} {words(error, node)}", place)


def _report_unknown_keys(error: ValidationError, node: Mapping, problems: Problems) -> None:
    known = _known_keys(error)
    for name, entry in node.entries.items():
        if name not in known:
            word = former_key(list(error.absolute_path), name)
            former = f": {word}" if word else did_you_mean(name, known)
            hint = "" if former else f"known here: {', '.join(sorted(known))}"
            problems.error("unknown-key", f"unknown key `{name}`{former}", entry.key.place, hint=hint)


def _known_keys(error: ValidationError) -> set[str]:
    """What the failing subschema allows, with what it takes over by reference."""
    schema: Any = error.schema
    known = set(schema.get("properties", {}))
    reference = schema.get("$ref", "")
    if reference.startswith("#/$defs/"):
        whole: Any = _validator().schema
        known |= set(whole["$defs"][reference.rpartition("/")[2]].get("properties", {}))
    return known


def _key_place(tree: Mapping, path: list[str | int]) -> Place:
    """Of a mapping's key rather than of its content, which may be many lines."""
    parent = find(tree, path[:-1]) if path else tree
    if path and isinstance(parent, Mapping):
        return parent.entries[str(path[-1])].key.place
    return find(tree, path).place


def _noun(error: ValidationError, keyword: str) -> str:
    schema: Any = error.schema
    return str(schema.get("title") or f"allowed here ({keyword})")


def _wrong_type(error: ValidationError, node: Node) -> str:
    value: Any = error.validator_value
    wanted: list[str] = value if isinstance(value, list) else [value]
    schema: Any = error.schema
    expected = str(schema.get("title") or _either(wanted))
    trap = scalars.trap(node.text, node.quoted, set(wanted)) if isinstance(node, Scalar) else ""
    if trap:
        return f"must be {expected}: {trap}"
    return f"must be {expected}, not {_what(node)}"


def _either(types: list[str]) -> str:
    return " or ".join(TYPE_NAMES[name] for name in types if name != "null")


def _what(node: Node) -> str:
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    return "empty" if node.value is None else f"`{_short(node.text)}`"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def _one_of(error: ValidationError, node: Node) -> str:
    values: Any = error.validator_value
    allowed = [str(value) for value in values]
    near = did_you_mean(node.text, allowed) if isinstance(node, Scalar) else ""
    return f"must be one of {', '.join(allowed)}, not {_what(node)}{near}"


def _out_of_range(error: ValidationError, node: Node) -> str:
    schema: Any = error.schema
    if "title" in schema:
        return f"must be {schema['title']}, not {_what(node)}"
    bound = "at least" if error.validator == "minimum" else "at most"
    return f"must be {bound} {error.validator_value}, not {_what(node)}"


def _missing(error: ValidationError, node: Node) -> str:
    required: Any = error.validator_value
    names = [name for name in required if isinstance(node, Mapping) and name not in node.entries]
    return f"lacks {' and '.join(f'`{name}`' for name in names)}"


def _empty(_error: ValidationError, _node: Node) -> str:
    return "must not be empty"


def _not_like(error: ValidationError, node: Node) -> str:
    return f"must be {_noun(error, 'pattern')}, not {_what(node)}"


def _own_words(error: ValidationError, _node: Node) -> str:
    return f"is not allowed: {_short(error.message)}"


Words = Callable[["ValidationError", Node], str]
WORDS: dict[str, tuple[str, Words]] = {
    "type": ("wrong-type", _wrong_type),
    "enum": ("bad-value", _one_of),
    "pattern": ("bad-value", _not_like),
    "minimum": ("out-of-range", _out_of_range),
    "maximum": ("out-of-range", _out_of_range),
    "required": ("missing-key", _missing),
    "minItems": ("empty-list", _empty),
    "minProperties": ("empty-list", _empty),
}
