"""Which real server a flow must reach, worked out from the document alone, as docs/document.md says.

Written apart from the compiler, the daemon and the XDP program, so that it can contradict them.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_MASK = (1 << 64) - 1
_TCP = 6


@dataclass(frozen=True)
class Table:
    seed: int
    reals: list[str]  # addresses
    slots: npt.NDArray[np.uint16]  # index into `reals` per slot

    def real_of(self, source: str, source_port: int, destination: str, destination_port: int) -> str:
        """The address of the slot's owner."""
        hashed = flow_hash(self.seed, source, source_port, destination, destination_port)
        return self.reals[int(self.slots[((hashed >> 32) * len(self.slots)) >> 32])]

    def shares(self) -> dict[str, float]:
        """Of all slots, by address."""
        counts = Counter(self.slots.tolist())
        return {real: counts[index] / len(self.slots) for index, real in enumerate(self.reals)}


def load(document: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(document.read_text())
    return loaded


def table(document: dict[str, Any], service: str) -> Table:
    found = document["tables"][document["services"][service]["table"]]
    return Table(
        document["seed"], found["reals"], np.frombuffer(base64.b64decode(found["slots"]), dtype="<u2")
    )


def flow_hash(seed: int, source: str, source_port: int, destination: str, destination_port: int) -> int:
    second = _swap(source_port) | _swap(destination_port) << 16 | _TCP << 32
    if ":" in source:
        s0, s1, d0, d1 = (word for each in (source, destination) for word in _halves(each))
        x = _fmix64(((s0 ^ seed) * 0x9E3779B97F4A7C15 + s1) & _MASK)
        y = (d0 * 0xD6E8FEB86659FD93 + d1) & _MASK
        return _fmix64(((x ^ y) * 0x9E3779B97F4A7C15 + second * 0xD6E8FEB86659FD93) & _MASK)
    first = _little(source, 4) | _little(destination, 4) << 32
    return _fmix64(((first ^ seed) * 0x9E3779B97F4A7C15 + second * 0xD6E8FEB86659FD93) & _MASK)


def _halves(address: str) -> tuple[int, int]:
    packed = ipaddress.ip_address(address).packed
    return int.from_bytes(packed[:8], "little"), int.from_bytes(packed[8:], "little")


def _little(address: str, size: int) -> int:
    return int.from_bytes(ipaddress.ip_address(address).packed[:size], "little")


def _swap(port: int) -> int:
    return int.from_bytes(port.to_bytes(2, "big"), "little")


def _fmix64(x: int) -> int:
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & _MASK
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & _MASK
    return x ^ x >> 33
