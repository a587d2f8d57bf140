"""The dataplane as the daemon sees it, and the one thread that uses it.

Applying a big document takes long, and so may reading counters. Both run beside the event loop, but never
beside each other. A change of health goes before all that waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .document import Blocked, Document, ServiceKey
from .xdp.layout import RealState

if TYPE_CHECKING:
    from .document import Neighbor
    from .generation.inherit import Given
    from .generation.state import FleetView
    from .network.hops import Hop
    from .operator.flowlist import Asked, FlowList
    from .tracing.events import Names
    from .tracing.standin import TraceMaps
    from .xdp.checkprogram import CheckProgram

P = ParamSpec("P")
T = TypeVar("T")


class Captured(Protocol):
    """What is live at a moment; its values may be made beside the dataplane's thread."""

    def snapshot(self) -> Any: ...
    def sums(self) -> Mapping[str, Mapping[str, float]]: ...
    def counted_reasons(self) -> Mapping[str, int]: ...


class Dataplane(Protocol):
    """What dataplane.Dataplane offers and the daemon needs; tests give their own."""

    adopted: bool
    epoch: int

    def attach(self, ifname: str, mode: str = "auto") -> str: ...
    def attached_to(self, ifname: str) -> int: ...
    def apply(self, document: Document) -> Any: ...
    def set_state(self, key: ServiceKey, address: str, state: RealState) -> bool: ...
    def set_link(self, address: str, mac: str | None, vlan: int, ifindex: int = 0) -> None: ...
    def set_route(self, address: str, hop: Hop) -> None: ...
    def set_fleet(self, fleet: FleetView) -> None: ...
    def moving(self) -> bool: ...
    def accepting(self) -> set[int]: ...
    def give(self, digest: str) -> bytes: ...
    def inherit(self, given: Given) -> dict[tuple[ServiceKey, str], Neighbor]: ...
    def set_vlans(self, ids: Iterable[int]) -> None: ...
    def set_own(self, macs: Iterable[tuple[int, str]]) -> bool: ...
    def set_vip(self, address: str, up: bool) -> bool: ...
    def set_block(self, blocked: Blocked) -> None: ...
    def set_loads(self, loads: Mapping[tuple[ServiceKey, str], float]) -> None: ...
    def tell(self, most: int) -> None: ...
    def consult(self, indexes: npt.NDArray[np.uint32]) -> None: ...
    def sessions(self, keys: Iterable[ServiceKey] | None = None) -> dict[tuple[ServiceKey, str], int]: ...
    def states(self) -> dict[tuple[ServiceKey, str], RealState]: ...
    def remaining(self, names: Iterable[tuple[ServiceKey, str]]) -> set[tuple[ServiceKey, str]]: ...
    def tick(self, now_ns: int, budget_ns: int | None = None) -> float: ...
    def capture(self) -> Captured: ...
    def counted(self) -> int: ...
    def replaced(self) -> list[str]: ...
    def keep_pins(self) -> bool: ...
    def prefixes(self) -> Any: ...
    def list_flows(self, asked: Asked) -> FlowList: ...
    def step_flows(self, listing: FlowList) -> bool: ...
    def start_tracing(self) -> TraceMaps: ...
    def open_checks(self) -> CheckProgram: ...
    def stop_tracing(self) -> None: ...
    def is_traced(self) -> bool: ...
    def named(self, services: set[int], reals: set[int]) -> Names: ...
    def uninstall(self) -> None: ...
    def close(self) -> None: ...


OpenDataplane = Callable[[Path, Path, Document], Dataplane]


@dataclass(frozen=True)
class _Job:
    """A call, and who waits for it."""

    call: Callable[[], Any]
    looks: bool  # and changes nothing
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    def carry_out(self) -> None:
        try:
            end: Callable[[], None] = functools.partial(self.future.set_result, self.call())
        except BaseException as failure:
            end = functools.partial(self.future.set_exception, failure)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self.loop.call_soon_threadsafe(end)


class PlaneThread:
    """Runs calls to the dataplane one after another: away from the event loop, or, those that are short and
    urgent, at once if nothing else is under way."""

    def __init__(self) -> None:
        self._urgent, self._others = deque[_Job](), deque[_Job]()
        self._waiting: queue.SimpleQueue[bool] = queue.SimpleQueue()  # one for each job; False: that was all
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def do(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of call(…). Raises what it raises. A call that was made is carried out, also if its
        caller is cancelled, who then is so only after it: no state is lost between a check and the maps."""
        return await self._queued(self._others, functools.partial(call, *arguments, **named))

    async def look(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, for what only reads: a change of health need not wait for it, but may come beside it."""
        return await self._queued(self._others, functools.partial(call, *arguments, **named), looks=True)

    async def at_once(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, before all that waits in `do`, and in the order in which it was asked for. For what takes
        microseconds: it may run in the event loop."""
        if not self._urgent and self._turn.acquire(blocking=False):
            try:
                return call(*arguments, **named)
            finally:
                self._turn.release()
        return await self._queued(self._urgent, functools.partial(call, *arguments, **named))

    def close(self) -> None:
        """Returns when the last call has ended. What comes after it is refused."""
        self._closed = True
        self._waiting.put(False)
        if self._thread:
            self._thread.join()

    async def _queued(self, jobs: deque[_Job], call: Callable[[], T], *, looks: bool = False) -> T:
        if self._closed:  # nobody would ever carry it out
            raise RuntimeError("the dataplane is closed already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        jobs.append(_Job(call, looks, loop, future))
        self._waiting.put(True)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="dataplane", daemon=True)
            self._thread.start()
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def _work(self) -> None:
        while self._waiting.get():
            with self._turn:
                job = (self._urgent or self._others).popleft()
                if not job.looks:
                    job.carry_out()
            if job.looks:
                job.carry_out()
