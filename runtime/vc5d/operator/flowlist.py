"""`vc5ctl flows`: the flows that the flow tables remember, read slice by slice, so that nothing waits long.

Only flows that the tables of slots cannot answer for are stored (bpf/DESIGN.md), and those of services that
track every flow: the others exist nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np

from ..errors import Vc5Error
from ..generation.state import State
from ..xdp.flows import Flows
from ..xdp.maps import Maps
from ..xdp.stores import FLOW_TABLES

MOST = 10_000  # flows that are listed; all are counted
_SLICE = 1 << 14
_GONE = ("", "")


@dataclass(frozen=True)
class Asked:
    """service: "ADDRESS:PORT:protocol"; client: a prefix; None: any. most: flows to list."""

    service: str | None = None
    real: str | None = None
    client: str | None = None
    most: int = 100

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Asked:
        """Raises Vc5Error."""
        named = {name: raw.get(name) for name in ("service", "real", "client")}
        if not all(each is None or isinstance(each, str) for each in named.values()):
            raise Vc5Error("service, real and client are texts")
        most = raw.get("most", 100)
        if type(most) is not int or not 0 <= most <= MOST:
            raise Vc5Error(f"{most!r} flows cannot be listed", f"0 … {MOST}")
        if named["client"]:
            try:
                ip_network(named["client"], strict=False)
            except ValueError:
                raise Vc5Error(f"{named['client']!r} is no address and no prefix") from None
        return cls(**named, most=most)


class FlowList:
    """`step` until it says that there is no more, then `result`. Raises Vc5Error when the document has no
    such service or real."""

    def __init__(self, maps: Maps, state: State, asked: Asked, now_ns: int) -> None:
        self._lifetime_ns, self._now_ns, self._asked = state.lifetime_ns, now_ns, asked
        self._keys = {str(key): key for key in state.services}
        self._names = {
            real.id: (str(key), address)
            for key, service in state.services.items()
            for address, real in service.reals.items()
        }
        self._wanted_ids = self._ids()
        self._maps, self._slices = maps, _slices(maps)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._flows: list[dict[str, Any]] = []

    def is_of(self, maps: Maps) -> bool:
        return maps is self._maps

    def step(self) -> bool:
        """Reads a part. False: that was all."""
        flows = next(self._slices, None)
        if flows is None:
            return False
        flows = flows.without(flows.idle(self._now_ns, self._lifetime_ns))
        flows = flows.without(~self._matching(flows))
        for number, count in zip(*np.unique(flows.values["real_id"], return_counts=True), strict=True):
            self._counts[self._names.get(int(number), _GONE)] += int(count)
        room = self._asked.most - len(self._flows)
        self._flows += [
            self._row(flows, key, value)
            for key, value in zip(flows.keys[:room], flows.values[:room], strict=True)
        ]
        return True

    def result(self) -> dict[str, Any]:
        """flows: at most as many as asked for; matched: how many there are; reals: how many each has. What
        belongs to a real that is no more has an empty name."""
        reals = [
            {"service": service, "real": real, "flows": count}
            for (service, real), count in sorted(self._counts.items())
        ]
        return {"flows": self._flows, "matched": self._counts.total(), "reals": reals}

    def _ids(self) -> Any:
        """Of the reals that are asked for; None: any."""
        asked = self._asked
        if asked.service and asked.service not in self._keys:
            raise Vc5Error(f"the document has no service {asked.service}", "`vc5ctl services` lists them")
        if not asked.service and not asked.real:
            return None
        found = [
            number
            for number, (service, real) in self._names.items()
            if asked.service in (None, service) and asked.real in (None, real)
        ]
        if not found:
            raise Vc5Error(f"the document has no real {asked.real}", "`vc5ctl reals` lists them")
        return np.array(found, np.uint32)

    def _matching(self, flows: Flows) -> Any:
        mask = np.ones(len(flows.keys), np.bool_)
        if self._wanted_ids is not None:
            mask &= np.isin(flows.values["real_id"], self._wanted_ids)
        if self._asked.client:
            network = ip_network(self._asked.client, strict=False)
            if network.version != flows.family:
                return np.zeros(len(flows.keys), np.bool_)
            raw = np.ascontiguousarray(flows.keys).view("u1").reshape(-1, flows.keys.dtype.itemsize)
            bits = np.frombuffer(network.netmask.packed, "u1")
            mask &= ((raw[:, : len(bits)] & bits) == np.frombuffer(network.network_address.packed, "u1")).all(
                axis=1
            )
        return mask

    def _row(self, flows: Flows, key: Any, value: Any) -> dict[str, Any]:
        service, real = self._names.get(int(value["real_id"]), _GONE)
        size = 4 if flows.family == 4 else 16
        raw = key.tobytes()
        kind = flows.name.partition("_")[2]
        return {
            "client": str(ip_address(raw[:size])),
            "cport": int(key["sport_be"]),
            "vip": str(ip_address(raw[size : 2 * size])),
            "dport": int(key["dport_be"]),
            "protocol": "udp" if kind == "udp" else "tcp",
            "half_open": kind == "syn",
            "service": service,
            "real": real,
            "idle": max(0.0, (self._now_ns - int(value["last_ns"])) / 1e9),
        }


def _slices(maps: Maps) -> Iterator[Flows]:
    for name in FLOW_TABLES:
        for keys, values in maps.tables[name].slices(_SLICE):
            yield Flows(name, keys, values)
