"""Which source prefixes a document blocks: its lists that `defcon` puts in force."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .fields import Fault, field, integer, shown, typed
from .model import Blocked

CALM = 5  # the level when the document names none: only its own list is in force
LEVELS = [str(level) for level in range(1, CALM + 1)]


def blocked(raw: Mapping[str, Any]) -> Blocked:
    """The prefixes of every level from `defcon` up. All levels are checked."""
    defcon = integer(raw, "defcon", 1, CALM, "") if "defcon" in raw else CALM
    v4: list[ipaddress.IPv4Network] = []
    v6: list[ipaddress.IPv6Network] = []
    for level, prefixes in field(raw, "block", dict, "", {}).items():
        if level not in LEVELS:
            raise Fault("block", f"{shown(level)} is no level in 1 … {CALM}")
        where = f"block.{level}"
        for text in typed(prefixes, list, where):
            prefix = _prefix(typed(text, str, where), where)
            if int(level) < defcon:
                continue
            if isinstance(prefix, ipaddress.IPv4Network):
                v4.append(prefix)
            else:
                v6.append(prefix)
    return Blocked(tuple(ipaddress.collapse_addresses(v4)), tuple(ipaddress.collapse_addresses(v6)))


def _prefix(text: str, where: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise Fault(where, f"{shown(text)} is not a prefix like 10.0.0.0/8 or 2001:db8::/32") from None
