"""Builds documents as docs/document.md describes them, sharing no code with vc5c or vc5d.

Small and slow: tables of some hundred slots, filled in plain Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from vc5d.document import Document
from vc5d.document import index as document_index
from vc5d.document.structure import build

WORD = (1 << 64) - 1


@dataclass
class Spec:
    """What a test wants. `services`: "ADDRESS:PORT:proto" -> {real: weight}; `sizes`: by service."""

    services: dict[str, dict[str, int]]
    size: int = 61
    sizes: dict[str, int] = field(default_factory=dict)
    seed: int = 0
    lifetime: int = 60
    disabled: set[str] = field(default_factory=set)
    macs: dict[str, str] = field(default_factory=dict)
    vlans: dict[str, int] = field(default_factory=dict)
    track: dict[str, str] = field(default_factory=dict)
    sticky: set[str] = field(default_factory=set)
    scheduler: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    service_extra: dict[str, dict[str, Any]] = field(default_factory=dict)  # by service


def raw_document(spec: Spec) -> dict[str, Any]:
    """The document as a JSON object, with its digest."""
    tables: dict[str, Any] = {}
    services = {name: _service(spec, name, reals, tables) for name, reals in spec.services.items()}
    reals = {real for table in tables.values() for real in table["reals"]}
    raw: dict[str, Any] = {
        "version": 1,
        "seed": spec.seed,
        "flow_lifetime": spec.lifetime,
        "services": services,
        "neighbors": {r: {"vlan": spec.vlans.get(r), "mac": spec.macs.get(r)} for r in reals},
        "index": {
            "ipv4": index([name for name in services if name.count(":") == 2]),
            "ipv6": index([name for name in services if name.count(":") > 2]),
        },
        "tables": tables,
        "bgp": {},
        **spec.extra,
    }
    for key, family, prefix in (("vlans", 4, "10.1.{}.0/24"), ("vlans6", 6, "2001:db8:{}::/64")):
        ids = {vlan for real, vlan in spec.vlans.items() if (":" in real) == (family == 6)}
        if ids:
            raw[key] = {str(vlan): prefix.format(vlan % 256) for vlan in ids}
    return sealed(raw)


def sealed(raw: dict[str, Any]) -> dict[str, Any]:
    """With the digest that its content has."""
    content = {key: value for key, value in raw.items() if key != "digest"}
    return {**content, "digest": "sha256:" + hashlib.sha256(canonical(content)).hexdigest()}


def canonical(raw: dict[str, Any]) -> bytes:
    """The bytes that a digest is over."""
    return json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()


def file_content(raw: dict[str, Any]) -> bytes:
    """The bytes that vc5c would write."""
    return canonical(raw) + b"\n"


def document(spec: Spec) -> Document:
    """The checked document, without a file."""
    made = build(raw_document(spec))
    document_index.verify(made)
    return made


def _service(spec: Spec, name: str, reals: dict[str, int], tables: dict[str, Any]) -> dict[str, Any]:
    table = maglev(reals, spec.sizes.get(name, spec.size))
    digest = hashlib.sha256(canonical(table)).hexdigest()
    tables[digest] = table
    port = name.rsplit(":", 2)[1]
    return {
        "name": name,
        "need": 1,
        "sticky": name in spec.sticky,
        "reset": False,
        "track": spec.track.get(name, "needed"),
        "health": {"interval": 1, "timeout": 1, "threshold": 3, "window": 5},
        "reals": {
            f"{real}:{port}": {
                "checks": [{"type": "tcp"} if int(port) else {"type": "tcp", "port": 80}],
                "disabled": real in spec.disabled,
                "weight": 0 if real in spec.disabled else weight,
            }
            for real, weight in reals.items()
        },
        "table": digest,
        **({"scheduler": spec.scheduler[name]} if name in spec.scheduler else {}),
        **spec.service_extra.get(name, {}),
    }


def maglev(weights: dict[str, int], size: int) -> dict[str, Any]:
    """A Maglev table: as the paper, with a real of weight w taking w turns a round."""
    reals = sorted(weights, key=lambda real: (":" in real, socket.inet_pton(_family(real), real)))
    slots: list[int | None] = [None] * size
    seeds = [struct.unpack("<QQ", hashlib.sha256(real.encode()).digest()[:16]) for real in reals]
    position = [first % size for first, _ in seeds]
    skip = [second % max(1, size - 1) + 1 for _, second in seeds]
    filled = 0
    while filled < size:
        for number, real in enumerate(reals):
            for _ in range(weights[real]):
                if filled == size:
                    break
                while slots[position[number]] is not None:
                    position[number] = (position[number] + skip[number]) % size
                slots[position[number]] = number
                filled += 1
    return {
        "size": size,
        "reals": reals,
        "weights": [weights[real] for real in reals],
        "slots": base64.b64encode(struct.pack(f"<{size}H", *slots)).decode(),
    }


def fmix64(x: int) -> int:
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & WORD
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 33


def word(address: str, port: int, protocol: int) -> int:
    """A key as the perfect hash sees it."""
    raw = socket.inet_pton(_family(address), address)
    if len(raw) == 4:
        return int.from_bytes(raw + struct.pack(">HBB", port, protocol, 0), "little")
    low, high = struct.unpack("<QQ", raw)
    tail = int.from_bytes(bytes(4) + struct.pack(">HBB", port, protocol, 0), "little")
    return fmix64((fmix64(low) + high) & WORD) ^ tail


def index(names: list[str]) -> dict[str, Any]:
    """A perfect hash over the services and their bare VIPs, by search."""
    keys = set()
    for name in names:
        address, port, protocol = name.rsplit(":", 2)
        keys |= {(address, int(port), {"tcp": 6, "udp": 17}[protocol]), (address, 0, 0)}
    if not keys:
        return {"salt": 0, "buckets": 0, "size": 0, "displacements": ""}
    words = [word(*key) for key in keys]
    size = 1 << (2 * len(words) - 1).bit_length()
    buckets = max(1, size // 4)
    for salt in range(1000):
        if (displacements := _displace(words, salt, buckets, size)) is not None:
            packed = struct.pack(f"<{buckets}H", *displacements)
            encoded = base64.b64encode(packed).decode()
            return {"salt": salt, "buckets": buckets, "size": size, "displacements": encoded}
    raise AssertionError("no perfect hash found")


def position(k: int, displacement: int, size: int) -> int:
    return ((k >> 20) + displacement * (k >> 42 | 1)) & (size - 1)


def _displace(words: list[int], salt: int, buckets: int, size: int) -> list[int] | None:
    members: dict[int, list[int]] = {}
    for each in words:
        k = fmix64((each + salt) & WORD)
        members.setdefault(k & (buckets - 1), []).append(k)
    taken: set[int] = set()
    displacements = [0] * buckets
    for bucket, ks in sorted(members.items(), key=lambda item: -len(item[1])):
        for displacement in range(4 * size):
            places = {position(k, displacement, size) for k in ks}
            if len(places) == len(ks) and not places & taken:
                taken |= places
                displacements[bucket] = displacement
                break
        else:
            return None
    return displacements


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
