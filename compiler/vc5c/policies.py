"""What the name of a policy says: port, protocols, and the check that it implies."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Plain TCP services by name: their ports are IANA's.
PLAIN = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "pop2": 109, "pop3": 110, "imap": 143, "imaps": 993,
}  # fmt: skip
DEFAULT_PORTS = {"http": 80, "https": 443, "domain": 53}
NUMBERED = re.compile(r"([1-9][0-9]{0,4})(?:/(tcp|udp|http|https|domain))?")

# Every port that has no service of its own: port 0, and no check, which would have to name a port.
ANY_PORT = {"any": ("tcp", "udp"), "any/tcp": ("tcp",), "any/udp": ("udp",)}

KNOWN_NAMES = ("http", "https", "domain", "domain/tcp", "domain/udp", *PLAIN, *ANY_PORT)


@dataclass(frozen=True, slots=True)
class PolicyName:
    """port, 0 for every port; protocols that a service is made for.

    check: http, https, dns, syn, or None for no check.
    """

    port: int
    protocols: tuple[str, ...]
    check: str | None


def read_policy_name(name: str) -> PolicyName | None:
    """None when the name means nothing. The `*` that turns checks off is not part of it."""
    if name in PLAIN:
        return PolicyName(PLAIN[name], ("tcp",), "syn")
    if name in ANY_PORT:
        return PolicyName(0, ANY_PORT[name], None)
    if name in DEFAULT_PORTS:
        return _application(name, DEFAULT_PORTS[name])
    if name in ("domain/tcp", "domain/udp"):
        return PolicyName(53, (name.removeprefix("domain/"),), "dns")
    match = NUMBERED.fullmatch(name)
    if match is None or int(match[1]) > 65535:
        return None
    port, kind = int(match[1]), match[2] or "tcp"
    if kind == "tcp":
        return PolicyName(port, ("tcp",), "syn")
    if kind == "udp":
        return PolicyName(port, ("udp",), None)
    return _application(kind, port)


def _application(name: str, port: int) -> PolicyName:
    if name == "domain":
        return PolicyName(port, ("tcp", "udp"), "dns")
    return PolicyName(port, ("tcp",), name)
