"""Secrets: where each is kept, reading them, and keeping them out of whatever is said.

A secret is written in the configuration itself, as VC5 has it, or better: {"file": "/path"}, or
{"credential": "name"} of systemd (systemd.exec(5), LoadCredential=), so that the document can be read by all.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import Vc5Error, unread
from ..systemd.credentials import place

_SHOWN_INSTEAD = "***"
_SHORTEST = 4  # characters: to hide less would hide words
_SHORTEST_STEP = 8  # of a URL's path


@dataclass(frozen=True)
class Source:
    """kind: text (it is there itself), file, or credential. Never printed: `what` may be the secret."""

    kind: str
    what: str = field(repr=False)

    def read(self, of: str) -> str:
        """of: whose it is, for the message. Raises Vc5Error."""
        if self.kind == "text":
            return self.what
        path = place(self.what) if self.kind == "credential" else Path(self.what)
        if path is None:
            raise Vc5Error(
                f"{of}: systemd gave vc5d no credentials", f"LoadCredential={self.what}:PATH in its unit"
            )
        try:
            text = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as failure:
            why, hint = unread(failure)
            raise Vc5Error(f"{of}: {path} cannot be read: {why}", hint) from None
        if not text or not text.isprintable():
            raise Vc5Error(f"{of}: {path} is empty or has more than one line", "a secret is one line")
        return text


class Hidden:
    """Takes what is secret out of a text: what a library or a server says is not to be trusted with it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found: set[str] = set()
        for secret in secrets:
            found |= {secret, base64.b64encode(secret.encode()).decode()}
            if "://" in secret:
                parts = urlsplit(secret)
                found |= {parts.path, parts.query}
                found |= {step for step in parts.path.split("/") if len(step) >= _SHORTEST_STEP}
        self._secrets = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _SHOWN_INSTEAD)
        return text
