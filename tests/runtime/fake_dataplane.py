"""A dataplane that only remembers what it was told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from vc5d.document import Blocked, Document, Neighbor, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.generation.state import FleetView
from vc5d.network.hops import Hop
from vc5d.xdp.checkprogram import CheckProgram
from vc5d.xdp.layout import RealState


class FakeDataplane:
    """`states` and `links`: the last of each real. `refuse`: the next call of that name fails with it.
    `slow`: calls of that name take so many seconds."""

    def __init__(self, adopted: bool = False) -> None:
        self.adopted = adopted
        self.epoch = self.tells = 0
        self.applied: list[str] = []
        self.attached: list[tuple[str, str]] = []
        self.lost: set[str] = set()  # interfaces that the program is no longer on
        self.states: dict[str, RealState] = {}
        self.links: dict[str, tuple[str | None, int, int]] = {}
        self.routes: dict[str, Hop] = {}
        self.vips: dict[str, bool] = {}
        self.vlans: frozenset[int] = frozenset()
        self.blocked = Blocked()
        self.loads: dict[tuple[ServiceKey, str], float] = {}
        self.ticks = 0
        self.frames = 0  # counted by the program
        self.taken: list[str] = []  # interfaces that run another program
        self.uninstalled = False
        self.closed = False
        self.at_close: Callable[[], None] = lambda: None
        self.refuse: dict[str, Exception] = {}
        self.slow: dict[str, float] = {}

    def open(self, pin_dir: Path, object_path: Path, document: Document) -> FakeDataplane:
        self._may("open")
        return self

    def attach(self, ifname: str, mode: str = "auto") -> str:
        self._may("attach")
        self.attached.append((ifname, mode))
        self.lost.discard(ifname)
        return "native"

    def attached_to(self, ifname: str) -> int:
        return 0 if ifname in self.lost else socket.if_nametoindex(ifname)

    def apply(self, document: Document) -> None:
        self._may("apply")
        self.applied.append(document.digest)

    def set_state(self, key: ServiceKey, address: str, state: RealState) -> bool:
        self._may("set_state")
        self.states[address] = state
        return True

    def set_link(self, address: str, mac: str | None, vlan: int, ifindex: int = 0) -> None:
        self.links[address] = (mac, vlan, ifindex)

    def set_route(self, address: str, hop: Hop) -> None:
        self.routes[address] = hop

    def set_fleet(self, fleet: FleetView) -> None:
        self.fleet = fleet

    def moving(self) -> bool:
        return False

    def accepting(self) -> set[int]:
        return set()

    def give(self, digest: str) -> bytes:
        return digest.encode()

    def inherit(self, given: Any) -> dict[tuple[ServiceKey, str], Neighbor]:
        self.given = given
        return {}

    def open_checks(self) -> CheckProgram:
        raise Vc5Error("nothing is loaded here")

    def set_own(self, macs: Iterable[tuple[int, str]]) -> bool:
        self.own = frozenset(macs)
        return True

    def set_vlans(self, ids: Iterable[int]) -> None:
        self.vlans = frozenset(ids)

    def set_vip(self, address: str, up: bool) -> bool:
        self.vips[address] = up
        return True

    def set_block(self, blocked: Blocked) -> None:
        self._may("set_block")
        self.blocked = blocked

    def set_loads(self, loads: Mapping[tuple[ServiceKey, str], float]) -> None:
        self.loads = dict(loads)

    def tell(self, most: int) -> None:
        self.tells = most

    def consult(self, indexes: Any) -> None:
        """Nobody looks."""

    def sessions(self, keys: Iterable[ServiceKey] | None = None) -> dict[tuple[ServiceKey, str], int]:
        return {}

    def states(self) -> dict[tuple[ServiceKey, str], RealState]:
        return {}

    def remaining(self, names: Iterable[tuple[ServiceKey, str]]) -> set[tuple[ServiceKey, str]]:
        return set()

    def tick(self, now_ns: int, budget_ns: int | None = None) -> float:
        self._may("tick")
        self.ticks += 1
        return 1.0

    def snapshot(self) -> Any:
        return SimpleNamespace(digest=self.applied[-1], generation=len(self.applied), services={})

    def capture(self) -> Any:
        return SimpleNamespace(snapshot=self.snapshot, sums=dict, counted_reasons=dict)

    def prefixes(self) -> Any:
        return SimpleNamespace(v4=np.arange(1 << 20, dtype=np.uint64) % 3, v6={0x20010DB80001: 2})

    def counted(self) -> int:
        return self.frames

    def replaced(self) -> list[str]:
        return self.taken

    def keep_pins(self) -> bool:
        return False

    def uninstall(self) -> None:
        self.uninstalled = True

    def close(self) -> None:
        self.closed = True
        self.at_close()

    def _may(self, name: str) -> None:
        time.sleep(self.slow.get(name, 0))
        if name in self.refuse:
            raise self.refuse.pop(name)


REFUSED = Vc5Error("no room for it", "make room")
