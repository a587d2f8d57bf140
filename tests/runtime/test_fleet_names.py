"""Stable ids of a document's reals, and back."""

from __future__ import annotations

import pickle
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d.fleet import names as names_of
from vc5d.fleet.alive import Alive
from vc5d.fleet.names import Names
from vc5d.generation.state import real_id
from vc5d.loading.parts import cut, fingerprint, join, opened


@dataclass
class Up:
    up: set[str]
    revision: int


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
            name: parts.setdefault((name, fingerprint(part)), opened(name, pickle.loads(part), {}))
            for name, part in cut(document(Spec(services)))
        }
        after = join(found)
        left = [(next(iter(after.services)), f"10.9.9.{chance.randrange(3)}")]
        names, alone = Names(after, left, before), Names(after, left)
        assert (names.roster, names.services) == (alone.roster, alone.services)
        known = [(key, real) for key, service in after.services.items() for real in service.reals]
        having = defaultdict(set)
        for name in {*known, *left}:
            assert names.of(*name) == names_of.real_id(*name)
            having[names.of(*name)].add(name)
        for number, those in having.items():
            assert set(names.named({number})) == those
        assert set(names.named(having.keys())) == {*known, *left}
        assert names.of(left[0][0], "10.9.9.9") is None
        before = names


def test_only_services_of_which_something_changed_are_looked_at_again() -> None:
    services = {f"192.0.2.{n}:80:tcp": dict.fromkeys(("10.0.1.1", "10.0.1.2"), 1) for n in (1, 2)}
    names = Names(document(Spec(services)))
    one, two = names.services.values()
    alive = Alive()
    assert alive.look([(one, Up({"10.0.1.1"}, 1)), (two, Up(set(), 2))], names) == {names.of(one, "10.0.1.1")}
    same = Up({"10.0.1.1", "10.0.1.2"}, 1)  # the revision of before: nothing changed
    ids = alive.look([(one, same), (two, Up({"10.0.1.2", "10.0.1.3"}, 3))], names)
    assert ids == {names.of(one, "10.0.1.1"), names.of(two, "10.0.1.2")}, "10.0.1.3 is not known"
    assert alive.look([(one, same)], names) == {names.of(one, "10.0.1.1")}
    names.leave([(one, "10.0.1.9")])
    assert len(alive.look([(one, Up({"10.0.1.1", "10.0.1.9"}, 1))], names)) == 2, "it is known now"
    services[str(one)] = {"10.0.1.2": 1}
    after = Names(document(Spec(services)), [], names)
    assert alive.look([(one, same)], after) == {after.of(one, "10.0.1.2")}, "another document"
