"""Stable ids of a document's reals, and back."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d.fleet import names as names_of
from vc5d.fleet.names import Names
from vc5d.generation.state import real_id
from vc5d.loading.parts import cut, fingerprint, join, opened


@pytest.mark.parametrize("shared", [False, True])
def test_names_after_another_document_are_those_of_the_document_alone(shared, monkeypatch) -> None:
    """Whatever of them is taken over from the ones before, and also if several reals have one id."""
    if shared:
        monkeypatch.setattr(names_of, "real_id", lambda *name: 1 + real_id(*name) % 9)
    chance = random.Random(7)
    before, parts = Names(document(Spec({"192.0.2.1:80:tcp": {"10.0.1.1": 1}}))), dict[Any, Any]()
    for _ in range(30):
        services = {
            f"192.0.2.{n}:80:tcp": {f"10.0.{n}.{m}": 1 for m in chance.sample(range(1, 9), 4)}
            for n in chance.sample(range(1, 6), 3)
        }
        found = {
            name: parts.setdefault((name, fingerprint(part)), opened(name, part, {}))
            for name, part in cut(document(Spec(services)))
        }
        after = join(found)
        left = [(next(iter(after.services)), f"10.9.9.{chance.randrange(3)}")]
        names, alone = Names(after, left, before), Names(after, left)
        assert (names.ids, names.services) == (alone.ids, alone.services)
        having = defaultdict(set)
        for name, number in names.ids.items():
            having[number].add(name)
        assert names.reals.keys() == having.keys()
        assert all(names.reals[number] in those for number, those in having.items())
        assert names.roster == alone.roster
        before = names
