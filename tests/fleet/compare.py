"""What hosts are made of, before and after."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fleet.fleet import Fleet
from fleet.machine import Box

_SCRIPT = Path(__file__).with_name("snapshot.py")
Snapshots = dict[str, dict[str, dict[str, str]]]


def snapshots(fleet: Fleet) -> Snapshots:
    """Of each host, by its name."""
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(fleet.boxes, pool.map(_snapshot, fleet.boxes.values()), strict=True))


def _snapshot(box: Box) -> dict[str, dict[str, str]]:
    taken: dict[str, Any] = json.loads(box.output("python3", "-c", _SCRIPT.read_text()))
    return taken


def differences(before: Snapshots, after: Snapshots) -> list[str]:
    """One line each: HOST KIND came|went|changed NAME."""
    found = []
    for host, kinds in before.items():
        for kind, old in kinds.items():
            new = after[host][kind]
            found += [f"{host} {kind} came {name}" for name in new.keys() - old.keys()]
            found += [f"{host} {kind} went {name}" for name in old.keys() - new.keys()]
            found += [
                f"{host} {kind} changed {name}: {old[name]} -> {new[name]}"
                for name in old.keys() & new.keys()
                if old[name] != new[name]
            ]
    return sorted(found)
