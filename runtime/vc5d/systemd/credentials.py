"""Where systemd puts credentials (systemd.exec(5), LoadCredential=)."""

from __future__ import annotations

import os
from pathlib import Path


def place(name: str) -> Path | None:
    """Where the credential would be; None: systemd gave this process none at all."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(directory, name) if directory else None


def given(name: str) -> Path | None:
    """Where it is; None: it was not given."""
    path = place(name)
    return path if path and path.exists() else None
