"""A secret seed of the flow hash: each load balancer has it as a credential, not in the document.

Nothing here, and no message, ever shows it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..systemd.credentials import place
from .model import DocumentError

SECRET = "secret"  # noqa: S105  what the document has in place of the number
NAME = "seed"  # of the credential (systemd.exec(5), LoadCredential=)
_HINT = (
    "every load balancer of the fleet needs the same text: LoadCredential=seed:PATH in the unit, "
    "or --seed-file PATH"
)


def secret_seed(file: Path | None) -> int:
    """The number that the credential's text stands for (docs/document.md), 0 … 2^64-1. `file`: None:
    systemd's. Raises DocumentError."""
    if file is None:
        file = place(NAME)
    if file is None:
        raise DocumentError("the document's seed is secret, and no credential was given", _HINT)
    try:
        text = file.read_bytes().strip()
    except OSError as error:
        raise DocumentError(f"the secret seed cannot be read from {file}: {error.strerror}", _HINT) from None
    if not text:
        raise DocumentError(f"the secret seed in {file} is empty", _HINT)
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
