"""From a record of the ring buffer to an event with names, as JSON has it.

    time (epoch s), cpu, interface, verdict, forwarded, reason, length_before, length_after, source, sport,
    destination, dport, protocol, steps [{step, …}], before, after (base64: the frame's first bytes)

`steps` are the program's notes in order, each with what belongs to it in words: a real's address and state,
a slot's number and state, a service's "ADDRESS:PORT:protocol" and name.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..generation.packing import unpacked
from ..xdp.layout import (
    TRACE_EVENT,
    RealState,
    Reason,
    SlotBits,
    SlotState,
    TraceLimits,
    TraceStep,
    TunnelBits,
    TunnelType,
)
from ..xdp.maps import Maps
from ..xdp.stores import FLOW_KINDS
from .wanted import PROTOCOLS, VERDICTS

_VERDICTS = {number: name for name, number in VERDICTS.items()}
_PROTOCOLS = {number: name for name, number in PROTOCOLS.items()}
_NO_ADDRESS = bytes(16)
_VLAN_ID = 0xFFF
_FILTERS_AT: int = (TRACE_EVENT.fields or {"filters": (None, 0)})["filters"][1]
_SLOT_STATES = {int(state): state.name.lower() for state in SlotState}


@dataclass(frozen=True)
class Names:
    """services: by id, key as text and name. reals: by index, address; an index that is none is missing."""

    services: Mapping[int, tuple[str, str]]
    reals: Mapping[int, str]
    interfaces: Mapping[int, str]


class Records:
    """What was read of the ring buffer: TRACE_EVENT records."""

    def __init__(self, raw: list[bytes]) -> None:
        self._events = np.frombuffer(b"".join(raw), TRACE_EVENT)

    def services(self) -> set[int]:
        found = (TraceStep.SERVICE, TraceStep.ANY_PORT)
        return {value for step, value in self._notes() if step in found}

    def reals(self) -> set[int]:
        """Indexes of the reals that they tell of."""
        return {_REAL_OF[step](value) for step, value in self._notes() if step in _REAL_OF}

    def events(self, names: Names) -> list[dict[str, Any]]:
        offset = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        return [_event(record, names, offset) for record in self._events]

    def _notes(self) -> list[tuple[int, int]]:
        return [note for record in self._events for note in _notes(record)]


def filters_of(raw: bytes) -> int:
    """A bit for each filter that wants it."""
    return raw[_FILTERS_AT]


def time_ns_of(raw: bytes) -> int:
    """CLOCK_MONOTONIC, when the packet came."""
    return int.from_bytes(raw[:8], "little")


def addresses(maps: Maps, indexes: set[int]) -> dict[int, str]:
    """Of reals, by index."""
    raw = {index: bytes(maps.reals["addr"][index]) for index in indexes if 0 < index < len(maps.reals)}
    return {index: unpacked(address) for index, address in raw.items() if address != _NO_ADDRESS}


def _notes(record: Any) -> list[tuple[int, int]]:
    used = record["note"][: min(int(record["notes"]), int(TraceLimits.TRACE_NOTES))]
    return [(int(step), int(value)) for step, value in zip(used["step"], used["value"], strict=True)]


def _event(record: Any, names: Names, offset: float) -> dict[str, Any]:
    steps = [_step(step, value, names) for step, value in _notes(record)]
    known = bytes(record["daddr"]) != _NO_ADDRESS
    protocol = int(record["protocol"])
    return {
        "time": record["time_ns"] / 1e9 + offset,
        "cpu": int(record["cpu"]),
        "interface": names.interfaces.get(int(record["ifindex"]), str(record["ifindex"])),
        "verdict": _VERDICTS.get(int(record["verdict"]), "aborted"),
        "forwarded": bool(record["forwarded"]),
        "reason": next((each["reason"] for each in steps if "reason" in each), None),
        "length_before": int(record["length_before"]),
        "length_after": int(record["length_after"]),
        "source": unpacked(bytes(record["saddr"])) if known else None,
        "sport": int(record["sport_be"]),
        "destination": unpacked(bytes(record["daddr"])) if known else None,
        "dport": int(record["dport_be"]),
        "protocol": _PROTOCOLS.get(protocol, str(protocol)) if known else None,
        "steps": steps,
        "before": _encoded(record["before"], record["snap_before"]),
        "after": _encoded(record["after"], record["snap_after"]),
    }


def _encoded(frame: Any, length: Any) -> str:
    return base64.b64encode(bytes(frame)[: int(length)]).decode()


def _step(step: int, value: int, names: Names) -> dict[str, Any]:
    name = TraceStep(step).name.lower() if step < len(TraceStep) else str(step)
    said = _SAID.get(step)
    return {"step": name, **(said(value, names) if said else {})}


def _real(index: int, names: Names) -> dict[str, Any]:
    return {"real": names.reals.get(index)}


def _real_state(value: int, names: Names) -> dict[str, Any]:
    state = value & 0xFF
    return {
        **_real(value >> 8, names),
        "state": RealState(state & RealState.STATE_MASK).name.lower(),
        "consult": bool(state & RealState.CONSULT),
    }


def _service(number: int, names: Names) -> dict[str, Any]:
    key, name = names.services.get(number, (None, None))
    return {"service": key, "name": name}


def _slot(value: int, _: Names) -> dict[str, Any]:
    state = (value & 0xFFFF) >> SlotBits.SLOT_STATE_SHIFT
    return {"slot": value >> 16, "state": _SLOT_STATES.get(state, str(state))}


def _probe(value: int, names: Names) -> dict[str, Any]:
    return {"probe": value >> 48, "slot": value >> 24 & 0xFFFFFF, **_real(value & 0xFFFFFF, names)}


def _link(value: int, _: Names) -> dict[str, Any]:
    raw = value.to_bytes(8, "little")
    return {"mac": raw[:6].hex(":"), "vlan": int.from_bytes(raw[6:], "big") & _VLAN_ID}


def _tunnel(value: int, _: Names) -> dict[str, Any]:
    kind = value & TunnelBits.TYPE_MASK
    port = (value >> TunnelBits.PORT_SHIFT & 0xFFFF).to_bytes(2, "little")
    return {
        "tunnel": TunnelType(kind).name.lower() if kind in list(TunnelType) else str(kind),
        "port": int.from_bytes(port, "big"),
        "dscp": value >> TunnelBits.DSCP_SHIFT & 0x3F,
        "mtu": value >> TunnelBits.MTU_SHIFT & 0xFFFF,
    }


def _table(value: int) -> dict[str, Any]:
    return {"table": FLOW_KINDS[value] if value < len(FLOW_KINDS) else str(value)}


_Said = Callable[[int, Names], dict[str, Any]]
_SAID: dict[int, _Said] = {
    TraceStep.SERVICE: _service,
    TraceStep.ANY_PORT: _service,
    TraceStep.ICMP_ERROR: lambda value, _: {"protocol": _PROTOCOLS.get(value, str(value))},
    TraceStep.FRAGMENT: _real,
    TraceStep.HASH: lambda value, _: {"hash": f"{value:016x}"},
    TraceStep.SLOT: _slot,
    TraceStep.OWNER: _real_state,
    TraceStep.ENTRY: lambda value, names: {**_real(value >> 8, names), **_table(value & 0xFF)},
    TraceStep.ROW: lambda value, _: {"row": value},
    TraceStep.PREVIOUS_OWNER: _real_state,
    TraceStep.PROBE: _probe,
    TraceStep.LIST: _real,
    TraceStep.LOADS: lambda value, _: {"first": value >> 32, "second": value & 0xFFFFFFFF},
    TraceStep.STORED: lambda value, _: _table(value),
    TraceStep.NOT_STORED: lambda value, _: _table(value),
    TraceStep.REAL: _real,
    TraceStep.LINK: _link,
    TraceStep.TUNNEL: _tunnel,
    TraceStep.REASON: lambda value, _: {
        "reason": Reason(value).name.lower() if value < Reason.REASONS else str(value)
    },
}
_REAL_OF: dict[int, Callable[[int], int]] = {
    TraceStep.FRAGMENT: lambda value: value,
    TraceStep.OWNER: lambda value: value >> 8,
    TraceStep.ENTRY: lambda value: value >> 8,
    TraceStep.PREVIOUS_OWNER: lambda value: value >> 8,
    TraceStep.PROBE: lambda value: value & 0xFFFFFF,
    TraceStep.LIST: lambda value: value,
    TraceStep.REAL: lambda value: value,
}
