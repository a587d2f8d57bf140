"""The fleet's secret, and what is derived from it. Nothing here, and no message, ever shows it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from ..errors import Vc5Error, unread
from ..systemd.credentials import given

NAME, NEXT = "fleet", "fleet_next"  # of the credentials (systemd.exec(5), LoadCredential=)
MAC_BYTES = 16
SHORTEST = 32  # characters: 128 bits in hexadecimal digits
_HINT = "every load balancer of the fleet needs the same line: `openssl rand -hex 32` makes one"


@dataclass(frozen=True)
class Key:
    """id: of two bytes, in each datagram. The other two sign datagrams and transfers."""

    id: int
    datagram: bytes = field(repr=False)
    transfer: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> Key:
        whole = blake2b(secret.strip().encode(), digest_size=32, person=b"vc5 fleet").digest()
        return cls(
            int.from_bytes(blake2b(b"vc5 key id", key=whole, digest_size=2).digest(), "big"),
            blake2b(b"vc5 datagram", key=whole, digest_size=32).digest(),
            blake2b(b"vc5 transfer", key=whole, digest_size=32).digest(),
        )

    def mac(self, content: bytes) -> bytes:
        """Of a datagram."""
        return blake2b(content, key=self.datagram, digest_size=MAC_BYTES).digest()


@dataclass(frozen=True)
class Keyring:
    """`current` signs; both are believed."""

    current: Key
    next: Key | None = None

    @property
    def ids(self) -> tuple[int, int]:
        """Of both; twice the same if there is but one."""
        return self.current.id, (self.next or self.current).id

    def find(self, number: int) -> list[Key]:
        """Those that have this id: hardly ever more than one."""
        return [key for key in (self.current, self.next) if key and key.id == number]

    def signed(self, number: int, content: bytes, mac: bytes) -> bool:
        """Whether one of the keys with this id made the MAC of a datagram."""
        return any(hmac.compare_digest(key.mac(content), mac) for key in self.find(number))


class SecretError(Vc5Error):
    """The fleet's secret is not to be had: until somebody gives it, nobody can be heard."""


@dataclass(frozen=True)
class Secrets:
    """Where the two secrets are; None: systemd's credential, if there is one."""

    current: Path | None = None
    next: Path | None = None

    def read(self) -> tuple[str, str | None]:
        """The secrets' texts; they go to nobody but the process that signs. Raises SecretError."""
        current = _read(self.current or given(NAME))
        if current is None:
            raise SecretError(
                "flows cannot be shared: there is no secret of the fleet",
                "LoadCredential=fleet:PATH in the unit, or --fleet-key-file PATH; " + _HINT,
            )
        return current, _read(self.next or given(NEXT))


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as failure:
        why, hint = unread(failure)
        raise SecretError(f"the fleet's secret cannot be read from {path}: {why}", hint or _HINT) from None
    if len(text) < SHORTEST or not text.isprintable():
        raise SecretError(f"the fleet's secret in {path} is no line of at least {SHORTEST} characters", _HINT)
    return text
