"""From parsed JSON to a `Document`: structure, types, ranges, and what refers to what."""

from __future__ import annotations

import ipaddress
import marshal
import re
from collections.abc import Mapping, Set
from typing import Any

from .blocked import blocked
from .fields import Fault, address, field, integer, port, positive, shown, typed, uint16s
from .model import (
    PROTOCOLS,
    Document,
    Health,
    Index,
    Neighbor,
    RealConfig,
    Service,
    ServiceKey,
    Table,
    Tunnel,
)
from .seed import SECRET

TRACKS = ("needed", "full", "minimal")
MAX_REALS = 1 << 14  # of a service: what a slot has room for
MAX_LIFETIME = 10**8  # s, three years: in nanoseconds, and added to a clock, it fits 63 bits
MAX_SLOTS = 1 << 24  # of a table; the compiler's largest has 655,373
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_OWN = {
    "version",
    "digest",
    "seed",
    "flow_lifetime",
    "services",
    "tables",
    "neighbors",
    "vlans",
    "vlans6",
    "index",
    "bgp",
    "defcon",
    "block",
}
_OWN_SERVICE = {"name", "need", "track", "sticky", "linger", "health", "reals", "table"}
KINDS = ("ipip", "gre", "fou", "gue", "dscp")  # of tunnels
LEAST_MTU = 576
_NO_REFERENCES = 2  # marshal's version: equal values have equal bytes

Shared = dict[tuple[str, bytes], RealConfig]  # by port and JSON value, as bytes


def build(raw: Mapping[str, Any], secret_seed: int = 0) -> Document:
    """The document in `raw`; `secret_seed` in place of a secret one. Raises Fault at the first thing that is
    wrong."""
    tables = {name: _table(value, f"tables.{name}") for name, value in field(raw, "tables", dict, "").items()}
    vlans = _vlans(raw, "vlans")
    vlans6 = _vlans(raw, "vlans6")
    any_vlan = vlans.keys() | vlans6.keys()
    shared: Shared = {}
    services = {}
    for text, value in field(raw, "services", dict, "").items():
        key = service_key(text)
        services[key] = _service(key, typed(value, dict, f"services.{key}"), tables, shared)
    neighbors = {
        key: _neighbor(value, any_vlan, f"neighbors.{address(key, 'neighbors')}")
        for key, value in field(raw, "neighbors", dict, "").items()
    }
    for name, table in tables.items():
        if not neighbors.keys() >= set(table.reals):
            missing = next(real for real in table.reals if real not in neighbors)
            raise Fault("neighbors", f"{missing} is missing, a real of the table {name}")
    index = field(raw, "index", dict, "")
    return Document(
        digest=field(raw, "digest", str, ""),
        seed=secret_seed if raw.get("seed") == SECRET else integer(raw, "seed", 0, 2**64 - 1, ""),
        flow_lifetime=_lifetime(raw),
        services=services,
        tables=tables,
        neighbors=neighbors,
        vlans=vlans,
        vlans6=vlans6,
        index4=_index(field(index, "ipv4", dict, "index"), "index.ipv4"),
        index6=_index(field(index, "ipv6", dict, "index"), "index.ipv6"),
        bgp=_bgp(field(raw, "bgp", dict, "", {})),
        blocked=blocked(raw),
        options={key: value for key, value in raw.items() if key not in _OWN},
    )


def _lifetime(raw: Mapping[str, Any]) -> float:
    lifetime = positive(raw, "flow_lifetime", "")
    if lifetime > MAX_LIFETIME:
        raise Fault("flow_lifetime", f"{shown(raw['flow_lifetime'])} s is more than {MAX_LIFETIME}")
    return lifetime


def service_key(text: str) -> ServiceKey:
    """The key in "ADDRESS:PORT:protocol"."""
    where = f"services.{text}"
    parts = text.rsplit(":", 2)
    if len(parts) != 3 or parts[2] not in PROTOCOLS:
        raise Fault(where, "expected ADDRESS:PORT:tcp or ADDRESS:PORT:udp")
    return ServiceKey(address(parts[0].strip("[]"), where), port(parts[1], where, lowest=0), parts[2])


def _service(key: ServiceKey, raw: Mapping[str, Any], tables: Mapping[str, Table], shared: Shared) -> Service:
    where = f"services.{key}"
    reals = _reals(field(raw, "reals", dict, where), f"{where}.reals", shared)
    sticky = field(raw, "sticky", bool, where, False)
    track: str = field(raw, "track", str, where)
    if track not in TRACKS:
        raise Fault(f"{where}.track", f'"{track}" is none of {", ".join(TRACKS)}')
    table: str = field(raw, "table", str, where)
    if table not in tables:
        raise Fault(f"{where}.table", f'the document has no table "{table}"')
    if odd := set(tables[table].reals) ^ set(reals):
        raise Fault(f"{where}.table", f"the table and the service do not agree about the real {min(odd)}")
    return Service(
        key=key,
        name=field(raw, "name", str, where, ""),
        need=integer(raw, "need", 0, 2**32 - 1, where),
        track=track,
        sticky=sticky,
        leastconn=raw.get("scheduler") == "leastconn" and not sticky,
        linger=_linger(raw, where),
        health=_health(field(raw, "health", dict, where), f"{where}.health"),
        reals=reals,
        table=table,
        options={name: value for name, value in raw.items() if name not in _OWN_SERVICE},
        tunnel=_tunnel(raw, where),
    )


def _tunnel(raw: Mapping[str, Any], where: str) -> Tunnel | None:
    kind = field(raw, "tunnel-type", str, where, "none")
    if kind == "none":
        return None
    if kind not in KINDS:
        raise Fault(f"{where}.tunnel-type", f"{shown(kind)} is none of none, {', '.join(KINDS)}")
    number = integer(raw, "tunnel-port", 1, 65535, where) if kind in ("fou", "gue") else 0
    dscp = integer(raw, "tunnel-dscp", 1, 63, where) if kind == "dscp" else 0
    mtu = integer(raw, "tunnel-mtu", LEAST_MTU, 65535, where) if "tunnel-mtu" in raw else 0
    return Tunnel(kind, number, dscp, mtu)


def _linger(raw: Mapping[str, Any], where: str) -> float:
    linger = raw.get("linger", 0)
    if type(linger) not in (int, float) or not 0 <= linger <= MAX_LIFETIME:
        raise Fault(f"{where}.linger", f"expected seconds, 0 … {MAX_LIFETIME}, found {shown(linger)}")
    return float(linger)


def _reals(raw: Mapping[str, Any], where: str, shared: Shared) -> dict[str, RealConfig]:
    """With one object for all that are configured alike: most reals are. Their bytes tell true from 1, which
    are equal in Python."""
    reals: dict[str, RealConfig] = {}
    for text, value in raw.items():
        real, _, number = text.rpartition(":")
        real = address(real.strip("[]"), where)
        if real in reals:
            raise Fault(where, f"{real} is there twice; it can be a real of a service only once")
        name = number, marshal.dumps(value, _NO_REFERENCES)
        config = shared.get(name)
        if config is None:
            config = _real(value, port(number, where, lowest=0), f"{where}.{text}")
            shared[name] = config
        reals[real] = config
    return reals


def _real(value: Any, number: int, where: str) -> RealConfig:
    raw = typed(value, dict, where)
    checks = field(raw, "checks", list, where)
    for check in checks:
        if type(check) is not dict or type(check.get("type")) is not str:
            raise Fault(f"{where}.checks", f'expected objects with a "type", found {shown(check)}')
        _check(check, f"{where}.checks")
    disabled = field(raw, "disabled", bool, where)
    return RealConfig(tuple(checks), disabled, integer(raw, "weight", 0, 2**16 - 1, where), number)


def _check(raw: Mapping[str, Any], where: str) -> None:
    """The keys that checks carry today; null is as good as absent. Others are the schema's to know."""
    given = {key: value for key, value in raw.items() if value is not None}
    if "port" in given:
        integer(given, "port", 0, 2**16 - 1, where)
    for key in ("host", "path", "method"):
        if not field(given, key, str, where, "").isprintable():
            raise Fault(f"{where}.{key}", f"{shown(given[key])} has characters that cannot be sent")
    field(given, "verify", bool, where, False)
    expected = field(given, "expect", list, where, [])
    if any(type(code) is not int or not 0 <= code <= 999 for code in expected):
        raise Fault(f"{where}.expect", f"expected HTTP status codes, found {shown(expected)}")


def _health(raw: Mapping[str, Any], where: str) -> Health:
    window = integer(raw, "window", 1, 1000, where)
    threshold = integer(raw, "threshold", 1, window, where)
    return Health(positive(raw, "interval", where), positive(raw, "timeout", where), threshold, window)


def _table(value: Any, where: str) -> Table:
    raw = typed(value, dict, where)
    size = integer(raw, "size", 1, MAX_SLOTS, where)
    of_reals = f"{where}.reals"
    reals = [address(typed(real, str, of_reals), of_reals) for real in field(raw, "reals", list, where)]
    if not 0 < len(reals) <= MAX_REALS:
        raise Fault(f"{where}.reals", f"{len(reals)} reals; a table has 1 to {MAX_REALS}")
    if len(set(reals)) != len(reals):
        raise Fault(f"{where}.reals", "a real is there twice")
    weights = field(raw, "weights", list, where)
    if len(weights) != len(reals) or set(map(type, weights)) != {int} or min(weights) < 1:
        raise Fault(f"{where}.weights", f"expected {len(reals)} integers of at least 1, one for each real")
    slots = uint16s(raw, "slots", size, where)
    if int(slots.max()) >= len(reals):
        raise Fault(f"{where}.slots", f"a slot belongs to real number {slots.max()}, of {len(reals)} reals")
    return Table(size, tuple(reals), tuple(weights), slots)


def _neighbor(value: Any, vlans: Set[int], where: str) -> Neighbor:
    raw = typed(value, dict, where)
    vlan, mac = raw.get("vlan"), raw.get("mac")
    if vlan is not None and typed(vlan, int, f"{where}.vlan") not in vlans:
        raise Fault(f"{where}.vlan", f"the document has no VLAN {vlan}")
    if mac is not None and not _MAC.match(typed(mac, str, f"{where}.mac")):
        raise Fault(f"{where}.mac", f'"{mac}" is not a MAC like 52:54:00:12:34:56')
    return Neighbor(vlan, mac)


def _vlans(raw: Mapping[str, Any], name: str) -> dict[int, str]:
    vlans = field(raw, name, dict, "", {})
    for key, prefix in vlans.items():
        if not (key.isascii() and key.isdecimal() and 1 <= int(key[:6]) <= 4094):
            raise Fault(name, f'"{key}" is not a VLAN id in 1 … 4094')
        try:
            ipaddress.ip_interface(typed(prefix, str, f"{name}.{key}"))
        except ValueError:
            raise Fault(f"{name}.{key}", f"{shown(prefix)} is not a prefix like 10.1.10.0/24") from None
    return {int(key): prefix for key, prefix in vlans.items()}


def _bgp(raw: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {address(peer, "bgp"): typed(options, dict, f"bgp.{peer}") for peer, options in raw.items()}


def _index(raw: Mapping[str, Any], where: str) -> Index:
    buckets = integer(raw, "buckets", 0, 1 << 24, where)
    size = integer(raw, "size", 0, 1 << 24, where)
    for name, number in (("buckets", buckets), ("size", size)):
        if number & (number - 1) or (number == 0) != (size == 0):
            raise Fault(f"{where}.{name}", f"{shown(number)} is not a power of two (or 0 both)")
    displacements = uint16s(raw, "displacements", buckets, where)
    return Index(integer(raw, "salt", 0, 2**64 - 1, where), buckets, size, displacements)
