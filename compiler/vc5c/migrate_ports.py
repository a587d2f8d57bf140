"""What VC5's first versions wrote as `port` and `checks` of a service, as the `policy` that it is today."""

from __future__ import annotations

from collections.abc import Iterator

from vc5c.edits import comments, last_line, written
from vc5c.fields import entries, items
from vc5c.former import CHECK, RENAMED
from vc5c.problems import Place
from vc5c.source import Source
from vc5c.tree import Entry, Mapping, Scalar


class Unclear(Exception):
    """It cannot be said what was meant at a place."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


def policy_of(port: Entry, checks: Entry | None, source: Source) -> str:
    """The text of the policy, for the column of `port`. Raises Unclear."""
    listed = items(port.value) or (port.value,)
    per_port: dict[str, list[Mapping]] = {word.text: [] for word in listed if isinstance(word, Scalar)}
    for check in items(checks.value) if checks else ():
        if not isinstance(check, Mapping):
            raise Unclear("a check is a mapping", check.place)
        per_port[_port_of(check, per_port)].append(check)
    lines = [*_comments(port, source), *(_comments(checks, source) if checks else []), "policy:"]
    for number, its_checks in per_port.items():
        lines += [f"  {number}:", "    checks:"] if its_checks else [f"  {number}*:"]
        lines += [line for check in its_checks for line in _check(check, number, source)]
    return ("\n" + " " * (port.key.place.column - 1)).join(lines)


def _port_of(check: Mapping, ports: dict[str, list[Mapping]]) -> str:
    """The service's port that a check is for: its own, or the only one."""
    if len(ports) == 1:
        return next(iter(ports))
    port = check.get("port")
    if not isinstance(port, Scalar) or port.text not in ports:
        raise Unclear("a check for none of the service's ports", check.place)
    return port.text


def _check(check: Mapping, port: str, source: Source) -> Iterator[str]:
    dash = "- "
    for key, value in entries(check):
        if not isinstance(value, Scalar):
            raise Unclear("a check's settings are words", value.place)
        if key.text != "name" and not (key.text == "port" and value.text == port):
            yield f"      {dash}{RENAMED[CHECK].get(key.text, key.text)}: {written(value, source)}".rstrip()
            dash = "  "


def _comments(entry: Entry, source: Source) -> list[str]:
    whole = Mapping({entry.key.text: entry}, entry.key.place)
    return comments(entry.key.place.line, last_line(entry.value), whole, source)
