"""The command line, as the daemon has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .sharing.keys import Secrets
from .web.listen import Listen
from .web.options import ConsoleOptions


@dataclass(frozen=True)
class Options:
    """state_dir: where what an operator drained is kept; None: nowhere. grace: seconds between saying that
    the VIPs leave and withdrawing them, at the end. web: where the HTTP server listens unless the document
    says so; None: nowhere. console: the rest of what concerns it. fleet: where its secrets are."""

    document: Path
    interfaces: tuple[str, ...]
    pin_dir: Path
    socket: Path
    object: Path
    mode: str
    table: int
    tun: str
    announce: bool
    state_dir: Path | None = None
    grace: float = 0.0
    web: Listen | None = None
    console: ConsoleOptions = field(default_factory=ConsoleOptions)
    fleet: Secrets = field(default_factory=Secrets)
