"""What is live, as values for a person or a program to read. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..layout import REAL_COUNTERS, RealState, Reason, SlotBits, SlotState
from ..maps import Maps
from ..stores import FLOW_KINDS
from .health import CONSULT, STATE
from .state import Lines, Real, ServiceInMaps, State

_SHIFT = int(SlotBits.SLOT_STATE_SHIFT)
_OWNER = int(SlotBits.SLOT_REAL_MASK)
Counters = npt.NDArray[np.uint64]  # packets, bytes, flows


@dataclass(frozen=True)
class RealSnapshot:
    """`configured` is false for one that left the document and drains. `mac` None: not known. `vlan` 0:
    untagged. `share`: of the service's slots, 0 … 1. Counters since the real came, or vc5d's maps did."""

    state: str
    consult: bool
    configured: bool
    mac: str | None
    vlan: int
    packets: int
    bytes: int
    flows: int
    share: float


@dataclass(frozen=True)
class ServiceSnapshot:
    """`slots`: how many are clear, in transition, consult. `reals` by address."""

    slots: Mapping[str, int]
    reals: Mapping[str, RealSnapshot]


@dataclass(frozen=True)
class Snapshot:
    """`services` by "ADDRESS:PORT:protocol"; `reasons` and `flows` (entries by flow table) are counts."""

    digest: str
    generation: int
    services: Mapping[str, ServiceSnapshot]
    reasons: Mapping[str, int]
    flows: Mapping[str, int]


class Carried:
    """Counts from entries of `reals` that a real had before its block moved or the maps were replaced."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], Counters] = {}
        self._reasons: dict[Reason, int] = {}

    def add(self, service: ServiceInMaps, counters: Counters) -> None:
        """For every real of `service`, what `counters` (by index into `reals`) has in its entry."""
        for address, real in service.reals.items():
            name = (service.id, address)
            self._counts[name] = self.of(*name) + counters[service.block.base + real.index]

    def of(self, number: int, address: str) -> Counters:
        return self._counts.get((number, address), np.zeros(3, np.uint64))

    def add_reasons(self, reasons: Mapping[Reason, int]) -> None:
        for reason, count in reasons.items():
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def reason(self, reason: Reason) -> int:
        return self._reasons.get(reason, 0)

    def keep(self, state: State) -> None:
        """Forgets the reals that are no more."""
        alive = {(s.id, address) for s in state.services.values() for address in s.reals}
        self._counts = {name: counts for name, counts in self._counts.items() if name in alive}


def take_snapshot(maps: Maps, state: State, carried: Carried) -> Snapshot:
    """Reads everything, counters too: some milliseconds, more with many tables and flows."""
    counters = columns(maps.read_real_counters())
    shares: dict[int, npt.NDArray[np.int64]] = {}
    reasons = maps.read_reasons()
    return Snapshot(
        digest=state.digest,
        generation=state.number,
        services={
            str(key): ServiceSnapshot(
                slots=_slot_states(maps, service.lines),
                reals=_reals(maps, service, counters, carried, _owned(maps, service.lines, shares)),
            )
            for key, service in state.services.items()
        },
        reasons={reason.name.lower(): count + carried.reason(reason) for reason, count in reasons.items()},
        flows={which: len(maps.read_flows4(which)[0]) for which in FLOW_KINDS},
    )


def columns(counters: npt.NDArray[np.void]) -> Counters:
    """REAL_COUNTERS records as rows of three numbers."""
    return np.ascontiguousarray(counters).view("<u8").reshape(-1, len(REAL_COUNTERS.names or ()))


def _slot_states(maps: Maps, lines: Lines) -> dict[str, int]:
    if lines.clear:
        return {"clear": lines.size, "transition": 0, "consult": 0}
    counts = np.bincount(maps.slots[lines.slots] >> _SHIFT, minlength=4).tolist()
    return {state.name.lower(): counts[state] for state in SlotState}


def _owned(maps: Maps, lines: Lines, known: dict[int, npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Slots by index in the block; counted once where services share lines."""
    if lines.line not in known:
        known[lines.line] = np.bincount(maps.slots[lines.slots] & _OWNER)
    return known[lines.line]


def _reals(
    maps: Maps, service: ServiceInMaps, counters: Counters, carried: Carried, owned: npt.NDArray[np.int64]
) -> dict[str, RealSnapshot]:
    snapshots = {}
    for address, real in sorted(service.reals.items(), key=lambda item: item[1].index):
        counts = counters[service.block.base + real.index] + carried.of(service.id, address)
        slots = int(owned[real.index]) if real.index < len(owned) else 0
        snapshots[address] = _real(maps, service, real, counts, slots / service.lines.size)
    return snapshots


def _real(maps: Maps, service: ServiceInMaps, real: Real, counts: Counters, share: float) -> RealSnapshot:
    entry = maps.reals[service.block.base + real.index]
    state, link = int(entry["state"]), int(entry["link"]).to_bytes(8, "little")
    return RealSnapshot(
        state=RealState(state & STATE).name.lower(),
        consult=bool(state & CONSULT),
        configured=real.configured,
        mac=link[:6].hex(":") if any(link[:6]) else None,
        vlan=int.from_bytes(link[6:], "big"),
        packets=int(counts[0]),
        bytes=int(counts[1]),
        flows=int(counts[2]),
        share=share,
    )
