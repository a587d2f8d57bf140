"""What is live, as values for a person or a program to read. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..document import ServiceKey
from ..xdp.layout import REAL_COUNTERS, RealState, Reason, SlotState
from ..xdp.maps import Maps
from ..xdp.slots import OWNER, STATE_SHIFT
from ..xdp.stores import FLOW_KINDS, FLOW_TABLES
from .health import CONSULT, STATE
from .state import Lines, ServiceInMaps, State

Counters = npt.NDArray[np.uint64]  # rows of packets, bytes, flows, by index into `reals`
Counts = tuple[int, int, int]
_SUMMED = ("packets", "bytes", "flows", "sessions")
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
class Room:
    """Entries of a map: how many it has, how many of them are in use."""

    room: int
    used: int


@dataclass(frozen=True)
class Snapshot:
    """`services` by "ADDRESS:PORT:protocol"; `reasons` and `flows` (entries by kind of flow table, both
    families) are counts; `capacity`: by kind of entry. `vips`: whether each is up. `packet_ns`: time in the
    program, on average; None:
    nothing was timed lately."""

    digest: str
    generation: int
    services: Mapping[str, ServiceSnapshot]
    vips: Mapping[str, bool]
    reasons: Mapping[str, int]
    flows: Mapping[str, int]
    capacity: Mapping[str, Room]
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

    def by_service(self) -> dict[int, Counts]:
        """Of services that have any."""
        summed: dict[int, Counts] = {}
        for (number, _), counts in self._counts.items():
            packets, size, flows = map(sum, zip(summed.get(number, (0, 0, 0)), counts, strict=True))
            summed[number] = (packets, size, flows)
        return summed

    def add_reasons(self, reasons: Mapping[Reason, int]) -> None:
        for reason, count in reasons.items():
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def reason(self, reason: Reason) -> int:
        return self._reasons.get(reason, 0)

    def copy(self) -> Carried:
        copied = Carried()
        copied._counts, copied._reasons = dict(self._counts), dict(self._reasons)
        return copied

    def keep(self, state: State) -> None:
        """Forgets the reals that are no more."""
        alive = {service.id: service.reals for service in state.services.values()}
        self._counts = {
            (number, address): counts
            for (number, address), counts in self._counts.items()
            if address in alive.get(number, ())
        }


@dataclass(frozen=True)
class Sampled:
    """What is not read anew: sessions by index into `reals`, time per packet, entries by flow table as of the
    last scan."""

    estimates: Estimates
    packet_ns: float | None
    entries: Mapping[str, int]


@dataclass(frozen=True)
class Capture:
    """What was live at one moment, copied in a few milliseconds; `snapshot` makes values of it, which takes
    long with many reals, and may be called from any thread."""

    digest: str
    generation: int
    services: Mapping[ServiceKey, ServiceInMaps]
    up: frozenset[str]
    counts: Counters  # packets, bytes, flows, sessions by index into `reals`
    entries: npt.NDArray[np.void]  # state, link by index into `reals`
    slots: npt.NDArray[np.uint16]
    carried: Carried
    reasons: Mapping[Reason, int]
    flows: Mapping[str, int]
    capacity: Mapping[str, Room]
    packet_ns: float | None

    def snapshot(self) -> Snapshot:
        return Snapshot(
            digest=self.digest,
            generation=self.generation,
            services=_Services(self),
            vips={vip: vip in self.up for vip in dict.fromkeys(key.address for key in self.services)},
            reasons=self.counted_reasons(),
            flows=self.flows,
            capacity=self.capacity,
            packet_ns=self.packet_ns,
        )

    def sums(self) -> dict[str, dict[str, int]]:
        """What `snapshot` has of each service, without its reals: packets, bytes, flows, sessions: a
        hundredth of the work."""
        carried = self.carried.by_service()
        return {
            str(key): dict(zip(_SUMMED, self._sum(service, carried.get(service.id)), strict=True))
            for key, service in self.services.items()
        }

    def _sum(self, service: ServiceInMaps, carried: Counts | None) -> list[int]:
        base = service.block.base
        rows = np.fromiter((base + real.index for real in service.reals.values()), np.int64)
        counts: list[int] = self.counts[rows].sum(axis=0).tolist()
        for place, count in enumerate(carried or ()):
            counts[place] += count
        return counts

    def counted_reasons(self) -> dict[str, int]:
        return {
            reason.name.lower(): count + self.carried.reason(reason) for reason, count in self.reasons.items()
        }


class _Services(Mapping[str, ServiceSnapshot]):
    """Each is made when it is asked for: all at once would be much memory, and long to free."""

    def __init__(self, captured: Capture) -> None:
        self._captured = captured
        self._services = {str(key): service for key, service in captured.services.items()}
        self._shares: dict[int, npt.NDArray[np.int64]] = {}

    def __getitem__(self, name: str) -> ServiceSnapshot:
        service, slots = self._services[name], self._captured.slots
        owned = _owned(slots, service.lines, self._shares)
        return _service(_slot_states(slots, service.lines), _reals(self._captured, service, owned))

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)


def capture(maps: Maps, state: State, carried: Carried, sampled: Sampled) -> Capture:
    """Reads everything that changes. The slots of a live table do not but for their states: they are read
    when they are counted."""
    counters, estimates = (
        columns(maps.read_real_counters(state.reals_end)),
        np.rint(sampled.estimates).astype(np.uint64),
    )
    flows = _flows(maps, sampled.entries)
    return Capture(
        digest=state.digest,
        generation=state.number,
        services=dict(state.services),
        up=frozenset(state.up),
        counts=np.column_stack((counters, estimates)),
        entries=maps.reals[["state", "link"]].copy(),
        slots=maps.slots,
        carried=carried.copy(),
        reasons=maps.read_reasons(),
        flows=flows,
        capacity=_capacity(maps, state, flows),
        packet_ns=sampled.packet_ns,
    )


def _capacity(maps: Maps, state: State, flows: Mapping[str, int]) -> dict[str, Room]:
    room = maps.capacity.max_entries()
    reals, lines = (sum(count for _, count in used) for used in (state.used_reals(), state.used_lines()))
    kinds = {f"flows_{kind}": Room(2 * room[f"flows4_{kind}"], flows[kind]) for kind in FLOW_KINDS}
    return kinds | {
        "reals": Room(room["reals"], reals),
        "services": Room(room["service_states"], len(state.services)),
        "slot_lines": Room(room["slots"], lines),
    }


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


def _slot_states(slots: npt.NDArray[np.uint16], lines: Lines) -> dict[str, int]:
    if lines.clear:
        return {"clear": lines.size, "transition": 0, "consult": 0}
    counts = np.bincount(slots[lines.slots] >> STATE_SHIFT, minlength=4).tolist()
    return {state.name.lower(): counts[state] for state in SlotState}


def _owned(
    slots: npt.NDArray[np.uint16], lines: Lines, known: dict[int, npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64]:
    """Slots by index in the block; counted once where services share lines."""
    if lines.line not in known:
        known[lines.line] = np.bincount(slots[lines.slots] & OWNER)
    return known[lines.line]


def _reals(
    captured: Capture, service: ServiceInMaps, owned: npt.NDArray[np.int64]
) -> dict[str, RealSnapshot]:
    entries = captured.entries[service.block.entries]
    states, links = entries["state"].tolist(), entries["link"].tobytes()
    counted, slots = captured.counts[service.block.entries].tolist(), owned.tolist()
    slots += [0] * (service.block.capacity - len(slots))
    snapshots = {}
    for address, real in sorted(service.reals.items(), key=lambda item: item[1].index):
        at = real.index
        link = links[8 * at : 8 * at + 8]
        *now, sessions = counted[at]
        before = captured.carried.of(service.id, address)
        packets, size, flows = (a + b for a, b in zip(now, before, strict=True))
        snapshots[address] = RealSnapshot(
            state=_STATES[states[at] & STATE],
            consult=bool(states[at] & CONSULT),
            configured=real.configured,
            mac=link[:6].hex(":") if any(link[:6]) else None,
            vlan=int.from_bytes(link[6:], "big") & 0xFFF,
            packets=packets,
            bytes=size,
            flows=flows,
            sessions=sessions,
            share=slots[at] / service.lines.size,
        )
    return snapshots
