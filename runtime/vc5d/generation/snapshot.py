"""What is live, as values for a person or a program to read. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..layout import REAL_COUNTERS, RealState, Reason, SlotState
from ..maps import Maps
from ..slots import OWNER, STATE_SHIFT
from ..stores import FLOW_KINDS, FLOW_TABLES
from .health import CONSULT, STATE
from .state import Lines, ServiceInMaps, State

Counters = npt.NDArray[np.uint64]  # rows of packets, bytes, flows, by index into `reals`
Counts = tuple[int, int, int]
Estimates = npt.NDArray[np.float64]
MANY_FLOWS = 10_000
_STATES = {state: RealState(state).name.lower() for state in range(int(RealState.CONSULT))}


@dataclass(frozen=True)
class RealSnapshot:
    """`configured` is false for one that left the document and drains. `mac` None: not known. `vlan` 0:
    untagged. `share`: of the service's slots, 0 … 1. Counters since the real came, or vc5d's maps did.
    `sessions`: current ones, estimated."""

    state: str
    consult: bool
    configured: bool
    mac: str | None
    vlan: int
    packets: int
    bytes: int
    flows: int
    sessions: int
    share: float


@dataclass(frozen=True)
class ServiceSnapshot:
    """`slots`: how many are clear, in transition, consult. `reals` by address; the counts are theirs,
    summed."""

    slots: Mapping[str, int]
    packets: int
    bytes: int
    flows: int
    sessions: int
    reals: Mapping[str, RealSnapshot]


@dataclass(frozen=True)
class Snapshot:
    """`services` by "ADDRESS:PORT:protocol"; `reasons` and `flows` (entries by kind of flow table, both
    families) are counts. `vips`: whether each is up. `packet_ns`: time in the program, on average; None:
    nothing was timed lately."""

    digest: str
    generation: int
    services: Mapping[str, ServiceSnapshot]
    vips: Mapping[str, bool]
    reasons: Mapping[str, int]
    flows: Mapping[str, int]
    packet_ns: float | None


class Carried:
    """Counts from entries of `reals` that a real had before its block moved or the maps were replaced."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], Counts] = {}
        self._reasons: dict[Reason, int] = {}

    def add(self, service: ServiceInMaps, counters: Counters) -> None:
        """For every real of `service`, what `counters` (by index into `reals`) has in its entry."""
        for address, real in service.reals.items():
            name = (service.id, address)
            now = counters[service.block.base + real.index].tolist()
            packets, size, flows = (a + b for a, b in zip(self.of(*name), now, strict=True))
            self._counts[name] = (packets, size, flows)

    def of(self, number: int, address: str) -> Counts:
        return self._counts.get((number, address), (0, 0, 0))

    def add_reasons(self, reasons: Mapping[Reason, int]) -> None:
        for reason, count in reasons.items():
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def reason(self, reason: Reason) -> int:
        return self._reasons.get(reason, 0)

    def keep(self, state: State) -> None:
        """Forgets the reals that are no more."""
        alive = {(s.id, address) for s in state.services.values() for address in s.reals}
        self._counts = {name: counts for name, counts in self._counts.items() if name in alive}


@dataclass(frozen=True)
class Sampled:
    """What is not read anew: sessions by index into `reals`, time per packet, entries by flow table as of the
    last scan."""

    estimates: Estimates
    packet_ns: float | None
    entries: Mapping[str, int]


def take_snapshot(maps: Maps, state: State, carried: Carried, sampled: Sampled) -> Snapshot:
    """Reads everything, counters too: some milliseconds, more with many tables and reals."""
    counts = np.column_stack(
        (columns(maps.read_real_counters()), np.rint(sampled.estimates).astype(np.uint64))
    )
    shares: dict[int, npt.NDArray[np.int64]] = {}
    reasons = maps.read_reasons()
    return Snapshot(
        digest=state.digest,
        generation=state.number,
        services={
            str(key): _service(
                _slot_states(maps, service.lines),
                _reals(maps, service, counts, carried, _owned(maps, service.lines, shares)),
            )
            for key, service in state.services.items()
        },
        vips={vip: vip in state.up for vip in dict.fromkeys(key.address for key in state.services)},
        reasons={reason.name.lower(): count + carried.reason(reason) for reason, count in reasons.items()},
        flows=_flows(maps, sampled.entries),
        packet_ns=sampled.packet_ns,
    )


def _flows(maps: Maps, entries: Mapping[str, int]) -> dict[str, int]:
    """Counted anew unless there are so many that it would take long: then as the last scan found them."""
    if sum(entries.values()) < MANY_FLOWS:
        entries = {name: sum(len(keys) for keys, _ in maps.tables[name].slices()) for name in FLOW_TABLES}
    return {kind: entries[f"flows4_{kind}"] + entries[f"flows6_{kind}"] for kind in FLOW_KINDS}


def _service(slots: dict[str, int], reals: dict[str, RealSnapshot]) -> ServiceSnapshot:
    return ServiceSnapshot(
        slots=slots,
        packets=sum(real.packets for real in reals.values()),
        bytes=sum(real.bytes for real in reals.values()),
        flows=sum(real.flows for real in reals.values()),
        sessions=sum(real.sessions for real in reals.values()),
        reals=reals,
    )


def columns(counters: npt.NDArray[np.void]) -> Counters:
    """REAL_COUNTERS records as rows of three numbers."""
    return np.ascontiguousarray(counters).view("<u8").reshape(-1, len(REAL_COUNTERS.names or ()))


def _slot_states(maps: Maps, lines: Lines) -> dict[str, int]:
    if lines.clear:
        return {"clear": lines.size, "transition": 0, "consult": 0}
    counts = np.bincount(maps.slots[lines.slots] >> STATE_SHIFT, minlength=4).tolist()
    return {state.name.lower(): counts[state] for state in SlotState}


def _owned(maps: Maps, lines: Lines, known: dict[int, npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Slots by index in the block; counted once where services share lines."""
    if lines.line not in known:
        known[lines.line] = np.bincount(maps.slots[lines.slots] & OWNER)
    return known[lines.line]


def _reals(
    maps: Maps, service: ServiceInMaps, counts: Counters, carried: Carried, owned: npt.NDArray[np.int64]
) -> dict[str, RealSnapshot]:
    """`counts`: rows of packets, bytes, flows, sessions by index into `reals`."""
    entries = maps.reals[service.block.entries]
    states, links = entries["state"].tolist(), entries["link"].tobytes()
    counted, slots = counts[service.block.entries].tolist(), owned.tolist()
    slots += [0] * (service.block.capacity - len(slots))
    snapshots = {}
    for address, real in sorted(service.reals.items(), key=lambda item: item[1].index):
        at = real.index
        link = links[8 * at : 8 * at + 8]
        *now, sessions = counted[at]
        before = carried.of(service.id, address)
        packets, size, flows = (a + b for a, b in zip(now, before, strict=True))
        snapshots[address] = RealSnapshot(
            state=_STATES[states[at] & STATE],
            consult=bool(states[at] & CONSULT),
            configured=real.configured,
            mac=link[:6].hex(":") if any(link[:6]) else None,
            vlan=int.from_bytes(link[6:], "big"),
            packets=packets,
            bytes=size,
            flows=flows,
            sessions=sessions,
            share=slots[at] / service.lines.size,
        )
    return snapshots
