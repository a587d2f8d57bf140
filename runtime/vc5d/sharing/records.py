"""Flows as arrays: on the wire, and as the flow tables have them. No Python runs per flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

KEY_BYTES = {4: 12, 6: 36}  # of struct flow_key4 and flow_key6, which are on the wire as they are
MOST_AGE = (1 << 32) - 1  # ms


@dataclass(frozen=True)
class Kind:
    """Of flows, by its number on the wire."""

    number: int
    family: int
    udp: bool

    @property
    def table(self) -> str:
        return f"flows{self.family}_{'udp' if self.udp else 'tcp'}"

    @property
    def wire(self) -> np.dtype[Any]:
        key = ("key", "u1", (KEY_BYTES[self.family],))
        return np.dtype([key, ("real_id", ">u4"), ("age", ">u4")])

    @property
    def size(self) -> int:
        return KEY_BYTES[self.family] + 8


TCP4, UDP4, TCP6, UDP6 = Kind(16, 4, False), Kind(18, 4, True), Kind(20, 6, False), Kind(22, 6, True)
KINDS = {kind.number: kind for kind in (TCP4, UDP4, TCP6, UDP6)}


@dataclass(frozen=True, eq=False)
class Flows:
    """keys: (n, KEY_BYTES) uint8. real_ids: 0: forgotten. last_ns: of CLOCK_MONOTONIC here."""

    kind: Kind
    keys: npt.NDArray[np.uint8]
    real_ids: npt.NDArray[np.uint32]
    last_ns: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.keys)

    def where(self, chosen: Any) -> Flows:
        """Those of a mask, or a slice."""
        return Flows(self.kind, self.keys[chosen], self.real_ids[chosen], self.last_ns[chosen])

    def encoded(self, now_ns: int) -> npt.NDArray[Any]:
        """Records of `kind.wire`, to be sent now."""
        records = np.empty(len(self), self.kind.wire)
        records["key"], records["real_id"] = self.keys, self.real_ids
        ages = (now_ns - self.last_ns.astype(np.int64)) // 1_000_000
        records["age"] = np.clip(ages, 0, MOST_AGE)
        return records


def decoded(kind: Kind, payload: bytes, sent_ns: Any) -> Flows:
    """sent_ns: when, by the clock here; one for all, or of each. A flow's time is never before the clock's
    beginning."""
    records = np.frombuffer(payload, kind.wire)
    last = np.asarray(sent_ns, np.int64) - records["age"].astype(np.int64) * 1_000_000
    return Flows(
        kind, records["key"], records["real_id"].astype(np.uint32), np.maximum(last, 1).astype(np.uint64)
    )


def joined(parts: list[Flows]) -> Flows:
    """Of one kind; at least one."""
    if len(parts) == 1:
        return parts[0]
    return Flows(
        parts[0].kind,
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.real_ids for part in parts]),
        np.concatenate([part.last_ns for part in parts]),
    )
