"""Reports and rosters as bytes (docs/sharing.md, "The fleet's rules"). What a peer says is signed, and still
may be of another release: what cannot be read is refused, and changes nothing."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import Vc5Error
from .report import Report, Roster

MOST_REALS = 60_000  # of a roster: what a message has room for
_REPORT, _ROSTER = b"P", b"R"
_LENGTH = struct.Struct(">I")
_MOST_BYTES = 1 << 24  # of a message, once unpacked
_KEPT = 16  # rosters: of documents that the fleet has at a time


class Rosters:
    """Of the documents that the fleet has, by digest; and what was read last, so that peers which say the
    same share one set."""

    def __init__(self) -> None:
        self._rosters: dict[str, Roster] = {}
        self._alive: dict[tuple[str, bytes], frozenset[int]] = {}

    def add(self, roster: Roster) -> Roster:
        """The one that is known of this document, if there is one."""
        if roster.digest not in self._rosters:
            if len(self._rosters) >= _KEPT:
                self._rosters.pop(next(iter(self._rosters)))
            self._rosters[roster.digest] = roster
        return self._rosters[roster.digest]

    def find(self, digest: str) -> Roster | None:
        return self._rosters.get(digest)

    def alive(self, digest: str, bits: bytes) -> frozenset[int]:
        """The reals whose bits are set."""
        name = digest, bits
        if name not in self._alive:
            if len(self._alive) >= _KEPT:
                self._alive.pop(next(iter(self._alive)))
            order = self._rosters[digest].order
            chosen = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(order)).astype(np.bool_)
            self._alive[name] = frozenset(order[chosen].tolist())
        return self._alive[name]


def pack_report(report: Report, rosters: Rosters) -> bytes:
    """`report.roster` is not in it, but its reals' order is."""
    assert report.roster
    order = rosters.add(report.roster).order
    alive = np.isin(order, np.fromiter(report.alive, np.uint32, len(report.alive)))
    head = {
        "boot": report.boot.hex(),
        "name": report.name,
        "digest": report.digest,
        "silence": report.silence,
        "learning": report.learning,
        "moving": report.moving,
        "alive": base64.b64encode(np.packbits(alive).tobytes()).decode(),
        "more": sorted(report.alive - report.roster.reals),
        "loads": [list(each) for each in sorted(report.loads.items())],
    }
    return _REPORT + zlib.compress(json.dumps(head, separators=(",", ":")).encode(), 1)


def pack_roster(roster: Roster) -> bytes:
    """Of a document with more reals than a message has room for only that it is so: it lacks none then."""
    known = roster.services if len(roster.reals) <= MOST_REALS else {}
    services = {str(service): len(reals) for service, reals in known.items()}
    head = json.dumps({"digest": roster.digest, "services": services}, separators=(",", ":")).encode()
    ids = [real for reals in known.values() for real in sorted(reals)]
    return _ROSTER + zlib.compress(_LENGTH.pack(len(head)) + head + np.array(ids, ">u4").tobytes(), 1)


def unpack(message: bytes, rosters: Rosters) -> Report | Roster:
    """Raises Vc5Error. A report has the roster of its document if it is known, and else no reals."""
    try:
        content = zlib.decompressobj().decompress(message[1:], _MOST_BYTES)
        if message[:1] == _REPORT:
            return _report(json.loads(content), rosters)
        if message[:1] == _ROSTER:
            return _roster(content)
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, AttributeError) as failure:
        raise Vc5Error(f"a peer's message cannot be read: {failure}", "is it of the same release?") from None
    raise Vc5Error(f"a peer's message of an unknown kind: {message[:1]!r}", "is it of the same release?")


def _report(raw: Mapping[str, Any], rosters: Rosters) -> Report:
    digest = str(raw["digest"])
    roster = rosters.find(digest)
    alive = (
        rosters.alive(digest, base64.b64decode(raw["alive"])) if roster and roster.services else frozenset()
    )
    if more := [int(each) for each in raw["more"]]:
        alive = alive.union(more)
    return Report(
        boot=bytes.fromhex(raw["boot"]),
        name=str(raw["name"])[:64],
        digest=digest,
        alive=alive,
        silence=float(raw["silence"]),
        learning=bool(raw["learning"]),
        moving=bool(raw["moving"]),
        loads={int(real): int(sessions) for real, sessions in raw["loads"]},
        roster=roster,
    )


def _roster(content: bytes) -> Roster:
    (length,) = _LENGTH.unpack_from(content)
    head = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    ids = np.frombuffer(content[_LENGTH.size + length :], ">u4").tolist()
    services, at = {}, 0
    for service, count in head["services"].items():
        services[int(service)] = frozenset(ids[at : at + count])
        at += count
    if at != len(ids):
        raise ValueError("a roster that is not whole")
    return Roster(str(head["digest"]), services)
