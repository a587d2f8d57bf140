"""Which packets a tracer wants: from a request to the program's filter.

{"src": "203.0.113.0/24", "dst": "192.0.2.1", "sport": 51234, "dport": 443, "protocol": "tcp",
 "verdicts": ["drop"], "limit": 100}        any may be missing: any packet; limit: events a second and CPU
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import numpy as np

from ..errors import Vc5Error
from ..xdp.layout import TRACE_FILTER

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58}
VERDICTS = {"drop": 1, "pass": 2, "tx": 3, "redirect": 4}  # enum xdp_action
DEFAULT_LIMIT, MOST_LIMIT = 100, 10_000
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)
_KEYS = ("src", "dst", "sport", "dport", "protocol", "verdicts", "limit")


@dataclass(frozen=True)
class Wanted:
    """record: the program's filter."""

    record: bytes

    @classmethod
    def of(cls, raw: Any) -> Wanted:
        """Raises Vc5Error with what is wrong."""
        if not isinstance(raw, Mapping) or set(raw) - set(_KEYS):
            raise Vc5Error(f"a filter has any of the keys {', '.join(_KEYS)}, and no others")
        record = np.zeros(1, TRACE_FILTER)
        for key, name in (("src", "saddr"), ("dst", "daddr")):
            address, mask = _prefix(key, raw[key]) if key in raw else (bytes(16), bytes(16))
            record[name], record[f"{name}_mask"] = _octets(address), _octets(mask)
        record["sport_be"] = _port("sport", raw)
        record["dport_be"] = _port("dport", raw)
        record["protocol"] = _protocol(raw.get("protocol"))
        record["verdicts"] = _verdicts(raw.get("verdicts", []))
        record["limit"] = _limit(raw.get("limit", DEFAULT_LIMIT))
        record["active"] = 1
        return cls(record.tobytes())


def _octets(raw: bytes) -> Any:
    return np.frombuffer(raw, np.uint8)


def _prefix(key: str, text: Any) -> tuple[bytes, bytes]:
    """Address and mask, IPv4 mapped."""
    try:
        network = ip_network(text if isinstance(text, str) else "", strict=False)
    except ValueError:
        raise Vc5Error(f"{key}: {text!r} is no address and no prefix", "such as 203.0.113.0/24") from None
    address, mask = network.network_address.packed, network.netmask.packed
    return (address, mask) if network.version == 6 else (_MAPPED + address, b"\xff" * 12 + mask)


def _port(key: str, raw: Mapping[str, Any]) -> int:
    port = raw.get(key, 0)
    if type(port) is not int or not (key not in raw or 0 < port < 1 << 16):
        raise Vc5Error(f"{key}: {port!r} is no port", "1 … 65535")
    return port


def _protocol(raw: Any) -> int:
    number = PROTOCOLS.get(raw) if isinstance(raw, str) else raw
    if raw is None:
        return 0
    if type(number) is not int or not 0 < number < 256:
        raise Vc5Error(f"{raw!r} is no protocol", f"{', '.join(PROTOCOLS)}, or a number")
    return number


def _verdicts(raw: Any) -> int:
    if not isinstance(raw, list) or not all(isinstance(each, str) and each in VERDICTS for each in raw):
        raise Vc5Error(f"verdicts: {raw!r} is no list of {', '.join(VERDICTS)}")
    return sum({1 << VERDICTS[each] for each in raw})


def _limit(raw: Any) -> int:
    if type(raw) is not int or not 0 < raw <= MOST_LIMIT:
        raise Vc5Error(f"{raw!r} is no limit of events a second and CPU", f"1 … {MOST_LIMIT}")
    return raw
