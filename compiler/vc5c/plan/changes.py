"""Changes as values: what takes one model to another."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final

from vc5c.documents import Document, Service
from vc5c.plan.model import Model, Name, Object, model_of, objects_of, shared_checks

ADD, CHANGE, REMOVE = "add", "change", "remove"


class Absent:
    """The value of an attribute that is not there. null is a value: of a MAC it says "learn it"."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Attribute:
    """One attribute's values; ABSENT where it is not."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """One object added, changed or removed. attributes: those that differ, by name."""

    action: str
    object: Name
    attributes: tuple[Attribute, ...]


def diff(old: Document, new: Document) -> tuple[Change, ...]:
    """From one document to another; none exactly when both are the same."""
    if old.digest == new.digest:
        return ()
    before, after = _unequal(old, new), _unequal(new, old)
    changes = diff_models(before, after)
    if not changes:  # tables or the index differ, and nothing that they are made of
        digest = Attribute("digest", old.digest, new.digest)
        changes = (Change(CHANGE, Name("setting", "compiled form"), (digest,)),)
    return changes


def diff_models(before: Model, after: Model) -> tuple[Change, ...]:
    """In an order that the input's cannot change."""
    changes = []
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old != new:
            action = ADD if old is None else REMOVE if new is None else CHANGE
            changes.append(Change(action, name, _attributes(old or {}, new or {})))
    return tuple(sorted(changes, key=lambda change: change.object.order))


def apply(model: Model, changes: tuple[Change, ...]) -> dict[Name, Object]:
    """The model that the changes lead to."""
    result = dict(model)
    for change in changes:
        if change.action == REMOVE:
            del result[change.object]
            continue
        attributes = dict(result.get(change.object, {}))
        for attribute in change.attributes:
            attributes.pop(attribute.name, None)
            if attribute.new is not ABSENT:
                attributes[attribute.name] = attribute.new
        result[change.object] = attributes
    return result


def _attributes(old: Object, new: Object) -> tuple[Attribute, ...]:
    pairs = ((name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in sorted(old.keys() | new.keys()))
    return tuple(Attribute(*pair) for pair in pairs if not _same(pair[1], pair[2]))


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _unequal(document: Document, other: Document) -> dict[Name, Object]:
    """The model, but without services and reals that the other has too: most of it, and it is long."""
    model: dict[Name, Object] = {}
    for name, service in document.services.items():
        before = other.services.get(name)
        if not _equal(service, before):
            model.update(objects_of(service, _equal_reals(service, before) if before else frozenset()))
    bare = Document(**{**vars(document), "services": {}})
    model.update(model_of(bare))
    return model


def _equal_reals(service: Service, other: Service) -> Set[str]:
    """Where one of the two tells checks by real, all of its reals are shown with them."""
    if (shared_checks(service) is None) != (shared_checks(other) is None):
        return frozenset()
    return {address for address, real in service.reals.items() if real == other.reals.get(address)}


def _equal(service: Service, other: Service | None) -> bool:
    return (
        other is not None
        and service.table.digest == other.table.digest
        and (service.options, service.track, service.reals) == (other.options, other.track, other.reals)
    )
