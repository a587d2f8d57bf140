"""What an operator has taken out of service by hand: `vc5ctl drain`. It outlives reloads and restarts, until
`vc5ctl undrain`: nobody wants a server back in service because a daemon was upgraded.

    host       this load balancer: all VIPs are announced with GRACEFUL_SHUTDOWN: others get the traffic
    vip        the same for one VIP
    service    the same for the VIP of one service, and so for all services of that VIP
    real       takes no new flows, and keeps those that it has; in one service or in all
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Vc5Error

if TYPE_CHECKING:
    from ..document import Document, ServiceKey

KINDS = ("host", "vip", "service", "real")
_FILE = "drains.json"


@dataclass(frozen=True)
class Target:
    """One thing to drain. vip and real: addresses; service: "ADDRESS:PORT:protocol", of a real also None,
    for all services."""

    kind: str
    vip: str | None = None
    service: str | None = None
    real: str | None = None

    @classmethod
    def of(cls, raw: Any) -> Target:
        """From JSON, such as {"kind": "real", "real": "10.1.10.10"}. Raises Vc5Error."""
        if not isinstance(raw, Mapping) or raw.get("kind") not in KINDS or raw.keys() - {"kind", *KINDS[1:]}:
            raise Vc5Error(f"a target has a kind, one of {', '.join(KINDS)}, and its name")
        texts = {name: raw.get(name) for name in KINDS[1:]}
        needed = raw["kind"]
        if not all(each is None or isinstance(each, str) for each in texts.values()):
            raise Vc5Error("the names of a target are texts")
        if needed != "host" and not texts[needed]:
            raise Vc5Error(f"which {needed}?")
        return cls(needed, **texts)

    def __str__(self) -> str:
        if self.kind == "host":
            return "this load balancer"
        name = getattr(self, self.kind)
        return f"{self.kind} {name}" + (f" of {self.service}" if self.kind == "real" and self.service else "")


@dataclass(frozen=True)
class Drains:
    """The targets that are drained."""

    targets: frozenset[Target] = frozenset()

    def drain(self, target: Target) -> Drains:
        return replace(self, targets=self.targets | {target})

    def undrain(self, target: Target) -> Drains:
        """Raises Vc5Error if it is not drained."""
        if target not in self.targets:
            drained = ", ".join(sorted(map(str, self.targets))) or "nothing"
            raise Vc5Error(f"{target} is not drained", f"drained: {drained}")
        return replace(self, targets=self.targets - {target})

    def real(self, key: ServiceKey, address: str) -> bool:
        if address not in self._reals:
            return False
        named = {Target("real", real=address), Target("real", service=str(key), real=address)}
        return bool(self.targets & named)

    @cached_property
    def _reals(self) -> frozenset[str]:
        """Of any service: most are not among them, and many are asked about."""
        return frozenset(target.real for target in self.targets if target.kind == "real" and target.real)

    def vip(self, vip: str, services: Iterable[ServiceKey]) -> Target | None:
        """The target by which a VIP, which has these services, is drained; None: it is not."""
        if not self.targets:
            return None
        wanted = [Target("host"), Target("vip", vip=vip)]
        wanted += [Target("service", service=str(key)) for key in services]
        return next((target for target in wanted if target in self.targets), None)

    def listed(self) -> list[dict[str, str]]:
        """As JSON, in order."""
        plain = [{name: value for name, value in vars(each).items() if value} for each in self.targets]
        return sorted(plain, key=lambda each: json.dumps(each, sort_keys=True))


def check_known(target: Target, document: Document) -> None:
    """Raises Vc5Error when the document has no such thing."""
    keys = {str(key): service for key, service in document.services.items()}
    if target.vip and target.vip not in document.vips:
        raise Vc5Error(f"the document has no VIP {target.vip}", f"it has: {', '.join(document.vips)}")
    if target.service and target.service not in keys:
        raise Vc5Error(f"the document has no service {target.service}", "`vc5ctl services` lists them")
    services = [keys[target.service]] if target.service else keys.values()
    if target.real and not any(target.real in service.reals for service in services):
        raise Vc5Error(f"the document has no real {target.real}", "`vc5ctl reals` lists them")


class DrainFile:
    """Where they are kept. Without a directory they end with the process."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / _FILE if directory else None

    def load(self) -> Drains:
        """Raises Vc5Error when the file is there and cannot be used: to go on would put back into service
        what somebody has taken out."""
        if not self._path or not self._path.exists():
            return Drains()
        try:
            raw = json.loads(self._path.read_text())
            return Drains(frozenset(Target.of(each) for each in raw["drained"]))
        except (OSError, ValueError, TypeError, KeyError, Vc5Error) as failure:
            raise Vc5Error(
                f"{self._path} cannot be used: {failure}",
                "it says what is drained by hand: correct it, or delete it to have nothing drained",
            ) from None

    def save(self, drains: Drains) -> None:
        """Atomically. Raises Vc5Error, and the file is as it was."""
        if not self._path:
            return
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with draft.open("w") as file:
                json.dump({"drained": drains.listed()}, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as failure:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise Vc5Error(
                f"{self._path} cannot be written: {failure.strerror}", "nothing was drained or undrained"
            ) from None
