"""Where the HTTP server listens: HOST:PORT, as on the command line, or `webserver` of the document."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .. import log


@dataclass(frozen=True)
class Listen:
    """host None: every address of this host."""

    host: str | None
    port: int

    @property
    def is_local(self) -> bool:
        return self.host is not None and ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        if self.host is None:
            return f"*:{self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Listen:
        """`127.0.0.1:8005`, `[::1]:8005`, `:8005` (every address). Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
            raise ValueError(f"{text!r} is not ADDRESS:PORT")
        bare = host.removeprefix("[").removesuffix("]")
        try:
            return cls(str(ipaddress.ip_address(bare)) if bare and bare != "*" else None, int(port))
        except ValueError:
            raise ValueError(f"{host!r} in {text!r} is no IP address") from None


def chosen(option: Listen | None, document: object) -> Listen | None:
    """The document's `webserver` if it has one that can be used, else the command line's. None: nowhere."""
    if option is None or not isinstance(document, str) or not document:
        return option
    try:
        return Listen.parse(document)
    except ValueError as failure:
        log.error("web.address", webserver=document, error=failure, instead=option)
        return option
