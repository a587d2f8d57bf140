"""Resolved to the document (docs/document.md): canonical JSON, made and written piece by piece."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vc5c.index import Index, Key, build_index
from vc5c.model import Peer, RouteOptions
from vc5c.resolved import Resolved, ResolvedService
from vc5c.spool import Spool
from vc5c.tables import Tables, make_tables
from vc5c.words import read_prefix_words

VERSION = 1
DIGEST, REALS, SERVICES, TABLES = "digest", "reals", "services", "tables"

Piece = bytes | Callable[[], bytes]
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(value: Any) -> str:
    """JSON as the document is written: keys sorted, no spaces, ASCII only."""
    return _encode(value)


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a whole document, with its digest and the newline at the end, in pieces: each time that one
    iterates. Tables are fetched when their turn comes."""

    pieces: list[Piece]

    def __iter__(self) -> Iterator[bytes]:
        return (piece if isinstance(piece, bytes) else piece() for piece in self.pieces)


def document(resolved: Resolved, tables: Tables | None = None) -> Document:
    """The document. tables: of its services, if they are made already. Raises OSError: no room for tables."""
    if tables is None:
        tables = make_tables((service.table for service in resolved.services), Spool())
    members = _members(resolved, tables)
    hasher = hashlib.sha256()
    for piece in Document(_object(members)):
        hasher.update(piece)
    members[DIGEST] = [canonical(f"sha256:{hasher.hexdigest()}").encode()]
    return Document([*_object(members), b"\n"])


def _object(members: dict[str, list[Piece]]) -> list[Piece]:
    """A JSON object of members that are pieces of JSON already."""
    pieces: list[Piece] = []
    for key in sorted(members):
        pieces += (f"{',' if pieces else '{'}{canonical(key)}:".encode(), *members[key])
    return [*pieces, b"}"] if pieces else [b"{}"]


def _members(resolved: Resolved, tables: Tables) -> dict[str, list[Piece]]:
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
    members: dict[str, list[Piece]] = {key: [canonical(value).encode()] for key, value in values.items()}
    members[SERVICES] = _object(
        {str(s.key): [_service(s, tables[s.table].digest).encode()] for s in resolved.services}
    )
    members[TABLES] = _object({table.digest: [table.text] for table in tables.values()})
    return members


def _service(service: ResolvedService, table: str) -> str:
    """Everything but the reals is encoded in two pieces: what comes before them, and what comes after."""
    own = {"table": table, "track": service.track, "health": service.health}
    values = sorted({**service.options, **own}.items())
    before, after = ({k: v for k, v in values if (k < REALS) is first} for first in (True, False))
    return f'{canonical(before)[:-1]},"{REALS}":{{{",".join(_reals(service))}}},{canonical(after)[1:]}'


def _reals(service: ResolvedService) -> Iterator[str]:
    """Most reals of a service differ in nothing but their address, so what they share is encoded once."""
    bodies: dict[int, str] = {}
    reals = {}
    for real, configured in zip(service.table.reals, service.table.weights, strict=True):
        weight = 0 if real in service.disabled else configured
        if weight not in bodies:
            bodies[weight] = canonical({"checks": service.checks, "disabled": weight == 0, "weight": weight})
        reals[f'"{real.text}:{service.key.port}"'] = bodies[weight]
    return (f"{key}:{reals[key]}" for key in sorted(reals))


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
