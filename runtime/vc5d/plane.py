"""The dataplane as the daemon sees it, and the one thread that uses it.

Applying a big document takes long, and so may reading counters. Both run beside the event loop, but never
beside each other: every call goes through one thread, in the order it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .document import Blocked, Document, ServiceKey
from .layout import RealState

if TYPE_CHECKING:
    from .flowlist import Asked, FlowList
    from .tracing.events import Names
    from .tracing.standin import TraceMaps

P = ParamSpec("P")
T = TypeVar("T")


class Captured(Protocol):
    """What is live at a moment; its values may be made beside the dataplane's thread."""

    def snapshot(self) -> Any: ...


class Dataplane(Protocol):
    """What dataplane.Dataplane offers and the daemon needs; tests give their own."""

    adopted: bool
    epoch: int

    def attach(self, ifname: str, mode: str = "auto") -> str: ...
    def attached_to(self, ifname: str) -> int: ...
    def apply(self, document: Document) -> Any: ...
    def set_state(self, key: ServiceKey, address: str, state: RealState) -> bool: ...
    def set_link(self, address: str, mac: str | None, vlan: int, ifindex: int = 0) -> None: ...
    def set_vlans(self, ids: Iterable[int]) -> None: ...
    def set_vip(self, address: str, up: bool) -> bool: ...
    def set_block(self, blocked: Blocked) -> None: ...
    def set_loads(self, loads: Mapping[tuple[ServiceKey, str], float]) -> None: ...
    def tell(self, most: int) -> None: ...
    def consult(self, indexes: npt.NDArray[np.uint32]) -> None: ...
    def sessions(self, keys: Iterable[ServiceKey] | None = None) -> dict[tuple[ServiceKey, str], int]: ...
    def tick(self, now_ns: int, budget_ns: int | None = None) -> float: ...
    def capture(self) -> Captured: ...
    def counted(self) -> int: ...
    def replaced(self) -> list[str]: ...
    def keep_pins(self) -> bool: ...
    def prefixes(self) -> Any: ...
    def list_flows(self, asked: Asked) -> FlowList: ...
    def step_flows(self, listing: FlowList) -> bool: ...
    def start_tracing(self) -> TraceMaps: ...
    def stop_tracing(self) -> None: ...
    def is_traced(self) -> bool: ...
    def named(self, services: set[int], reals: set[int]) -> Names: ...
    def uninstall(self) -> None: ...
    def close(self) -> None: ...


OpenDataplane = Callable[[Path, Path, Document], Dataplane]


class PlaneThread:
    """Runs calls to the dataplane one after another, away from the event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "dataplane")

    async def do(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of call(…). Raises what it raises. A call that was made is carried out, also if its
        caller is cancelled, who then is so only after it: no state is lost between a check and the maps."""
        job = asyncio.wrap_future(self._thread.submit(call, *arguments, **named))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            await asyncio.wait([job])
            raise

    def close(self) -> None:
        """Returns when the last call has ended."""
        self._thread.shutdown()
