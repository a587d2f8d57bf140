"""How many connections each service has now: `--sessions`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class BadSessions(Exception):
    """What was given is no count of connections: why, for a person."""


Sessions = Mapping[str, int]  # by service
FORMS = 'a number, or a file with {"ADDRESS:PORT:tcp": NUMBER, …} or what `vc5ctl status --json` writes'


def read_sessions(given: Iterable[str], services: Iterable[str]) -> Sessions | None:
    """From the values of `--sessions`; several are added, one per load balancer. None: none was given.
    Services that no file has, have none. Raises BadSessions."""
    total = dict.fromkeys(services, 0)
    values = list(given)
    for value in values:
        counted = dict.fromkeys(total, int(value[:15])) if value.isdecimal() else _of_file(value)
        for service in total.keys() & counted.keys():
            total[service] += counted[service]
    return total if values else None


def _of_file(path: str) -> dict[str, int]:
    try:
        raw = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise BadSessions(f"--sessions: cannot read {path}: {error.strerror}; give {FORMS}") from None
    except (ValueError, RecursionError) as error:
        raise BadSessions(f"--sessions: {path} is not JSON: {error}; give {FORMS}") from None
    if not isinstance(raw, dict):
        raise BadSessions(f"--sessions: {path} is no JSON object; give {FORMS}")
    if isinstance(raw.get("services"), dict):
        return {name: _of_status(name, service, path) for name, service in raw["services"].items()}
    return {name: _count(count, f"{path}: {name}") for name, count in raw.items()}


def _of_status(name: str, service: Any, path: str) -> int:
    """A service in a status: the sessions of its reals."""
    reals = service.get("reals") if isinstance(service, dict) else None
    if not isinstance(reals, dict) or not all(isinstance(real, dict) for real in reals.values()):
        raise BadSessions(f"--sessions: {path}: {name} has no reals; give {FORMS}")
    if any("sessions" not in real for real in reals.values()):
        what = f"the reals of {name} have no `sessions`: that vc5d does not count them"
        raise BadSessions(f"--sessions: {path}: {what}; give {FORMS}")
    return sum(_count(real["sessions"], f"{path}: {name} {address}") for address, real in reals.items())


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        raise BadSessions(f"--sessions: {where}: {json.dumps(value)[:40]} is no number of connections")
    return round(value)
