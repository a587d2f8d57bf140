"""Resolved to the document (docs/document.md): canonical JSON, made and written piece by piece."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from vc5c.index import Index, Key, build_index
from vc5c.maglev import fill
from vc5c.model import Peer, RouteOptions
from vc5c.resolved import Resolved, ResolvedService, TableSpec
from vc5c.words import read_prefix_words

VERSION = 1
DIGEST = "digest"


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(value: Any) -> str:
    """JSON as the document is written: keys sorted, no spaces, ASCII only."""
    return _encode(value)


def document(resolved: Resolved) -> Iterator[str]:
    """The text of the whole document in pieces, with its digest and the newline at the end."""
    specs = dict.fromkeys(service.table for service in resolved.services)
    tables = {spec: _table(spec) for spec in specs}
    digests = {spec: hashlib.sha256(text.encode()).hexdigest() for spec, text in tables.items()}
    members = _members(resolved, {digests[spec]: text for spec, text in tables.items()}, digests)
    hasher = hashlib.sha256()
    for piece in _object(members):
        hasher.update(piece.encode())
    members[DIGEST] = [canonical(f"sha256:{hasher.hexdigest()}")]
    yield from _object(members)
    yield "\n"


def _object(members: dict[str, list[str]]) -> Iterator[str]:
    """A JSON object of members that are pieces of JSON already."""
    yield "{"
    for number, key in enumerate(sorted(members)):
        yield f"{',' if number else ''}{canonical(key)}:"
        yield from members[key]
    yield "}"


def _members(
    resolved: Resolved, tables: dict[str, str], digests: dict[TableSpec, str]
) -> dict[str, list[str]]:
    values: dict[str, Any] = dict(resolved.passed_on) | {
        "version": VERSION,
        "seed": resolved.seed,
        "flow_lifetime": resolved.flow_lifetime,
        "bgp": {str(peer.address): _peer(peer) for peer in resolved.peers},
        "neighbors": {
            str(address): {"vlan": neighbor.vlan, "mac": neighbor.mac}
            for address, neighbor in resolved.neighbors.items()
        },
        "index": {"ipv4": _index(_keys(resolved, 4)), "ipv6": _index(_keys(resolved, 6))},
    }
    if resolved.vlans:
        values["vlans"] = {str(vlan.id): vlan.written for vlan in resolved.vlans}
    if resolved.vlans6:
        values["vlans6"] = {str(vlan.id): vlan.written for vlan in resolved.vlans6}
    members = {key: [canonical(value)] for key, value in values.items()}
    services = {str(service.key): service for service in resolved.services}
    members["services"] = list(
        _object({key: ["".join(_service(s, digests[s.table]))] for key, s in services.items()})
    )
    members["tables"] = list(_object({digest: [text] for digest, text in tables.items()}))
    return members


def _service(service: ResolvedService, table: str) -> Iterator[str]:
    own = {"table": table, "track": service.track, "health": service.health}
    members = {key: [canonical(value)] for key, value in {**service.options, **own}.items()}
    members["reals"] = list(_object(_reals(service)))
    return _object(members)


def _reals(service: ResolvedService) -> dict[str, list[str]]:
    """Most reals of a service differ in nothing but their address, so what they share is encoded once."""
    bodies: dict[int, list[str]] = {}
    reals = {}
    for real, configured in zip(service.table.reals, service.table.weights, strict=True):
        weight = 0 if real in service.disabled else configured
        if weight not in bodies:
            body = {"checks": service.checks, "disabled": weight == 0, "weight": weight}
            bodies[weight] = [canonical(body)]
        reals[f"{real.text}:{service.key.port}"] = bodies[weight]
    return reals


def _table(spec: TableSpec) -> str:
    return canonical(
        {
            "size": spec.size,
            "reals": [real.text for real in spec.reals],
            "weights": list(spec.weights),
            "slots": base64.b64encode(fill(spec)).decode(),
        }
    )


def _keys(resolved: Resolved, version: int) -> Iterable[Key]:
    services = [service.key for service in resolved.services if service.key.address.version == version]
    return {*services, *((key.address, 0, "") for key in services)}


def _index(keys: Iterable[Key]) -> dict[str, Any]:
    index: Index = build_index(keys)
    return {
        "salt": index.salt,
        "buckets": index.buckets,
        "size": index.size,
        "displacements": base64.b64encode(index.displacements).decode(),
    }


def _peer(peer: Peer) -> dict[str, Any]:
    """VC5's keys, and the extensions that are given."""
    names = (
        "as_number", "peer_as", "hold_time", "source_ip", "next_hop_6", "local_pref", "med",
        "communities", "bfd", "multihop",
    )  # fmt: skip
    options = {name: getattr(peer, name) for name in names}
    for name in ("accept", "reject"):
        prefixes = getattr(peer, name)
        if prefixes is not None:
            options[name] = read_prefix_words(prefixes)
    if peer.vips:
        options["vips"] = {text: _route(vip) for text, vip in peer.vips.items()}
    options["multiprotocol"] = True  # VC5's: both families over one session
    return {name: value for name, value in options.items() if value is not None}


def _route(vip: RouteOptions) -> dict[str, Any]:
    options = {"communities": vip.communities, "med": vip.med, "local_pref": vip.local_pref}
    return {name: value for name, value in options.items() if value is not None}
