"""What the plan's tests share."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from vc5c.documents import Document, read_document
from vc5c.emit import canonical


@pytest.fixture
def document_of(compile_text) -> Callable[..., Document]:
    """YAML to a document that was read back."""

    def make(text: str, source: str = "config.yaml") -> Document:
        document = read_document(canonical(compile_text(text)), source)
        assert document
        return document

    return make


@pytest.fixture
def shuffled() -> Callable[[Document, dict, object], Document]:
    """The same document from a text in which every object's keys come in another order."""

    def mix(value, random):
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: mix(value[key], random) for key in keys}
        return [mix(each, random) for each in value] if isinstance(value, list) else value

    return lambda raw, random: read_document(json.dumps(mix(raw, random)), "shuffled.json")
